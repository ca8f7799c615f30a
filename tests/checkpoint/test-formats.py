# SPDX-License-Identifier: MIT
"""The same weights in either format make the same clip, at each precision: test-formats.py CLIPWRIGHT CASES PROBE RUN_CASE

AudioCraft's files are converted by convert.py, which reads them with Python's own pickle and zipfile; MusicGen Melody the other way by
to_audiocraft.py. Also: what is said when a part is missing, and where the text encoder is looked for.
"""
import hashlib
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import wave

import torch_file
from convert import convert, read, write
from to_audiocraft import read as read_tensors, to_audiocraft

PROGRAM, CASES, PROBE, RUN_CASE = (os.path.abspath(sys.argv.pop(1)) for _ in range(4))
MODELS = os.path.join(CASES, "models")


class Formats(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_program(self, *arguments, code=0, **env):
        home = {"XDG_DATA_HOME": self.path("data"), "XDG_CACHE_HOME": self.path("cache")}
        result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ, **home, **env})
        self.assertIn(result.returncode, code if isinstance(code, tuple) else (code,), result.stdout + result.stderr)
        return result.stdout + result.stderr

    def clip(self, model, *arguments, **env):
        out = self.path("clip.wav")
        self.run_program("generate", "lofi chill beat", "-m", model, "-o", out, "--duration", "1.5", "--seed", "7", *arguments, **env)
        data = open(out, "rb").read()
        os.remove(out)
        at = data.index(b"data")
        return hashlib.sha256(data[at:at + 8 + int.from_bytes(data[at + 4:at + 8], "little")]).hexdigest(), int.from_bytes(data[24:28], "little")

    def test_same_clip(self):
        for model, rate in (("ac_musicgen", 32000), ("ac_audiogen", 16000)):
            convert(os.path.join(MODELS, model), os.path.join(MODELS, "ac_t5"), self.path(model))
            for arguments in ([], ["--temperature", "0"], ["--precision", "int8"], ["--precision", "int4"], ["--takes", "1", "--top-p", "0.8"]):
                ours, theirs = self.clip(os.path.join(MODELS, model), *arguments), self.clip(self.path(model), *arguments)
                self.assertEqual(ours, theirs, f"{model} {arguments}")
                self.assertEqual(ours[1], rate)
        # prepared weights, the second time from the cache
        self.assertEqual(self.clip(os.path.join(MODELS, model), "--precision", "int8"), self.clip(self.path(model), "--precision", "int8"))

    def tune(self, name, seconds):
        """A scale of half seconds, with an overtone."""
        notes = [262, 294, 330, 349, 392, 440, 494, 523]
        with wave.open(self.path(name), "wb") as file:
            file.setparams((1, 2, 32000, 0, "NONE", ""))
            for i in range(int(seconds * 2)):
                phase = [2 * math.pi * notes[i % 8] * t / 32000 for t in range(16000)]
                file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(x) + 3000 * math.sin(3 * x))) for x in phase))
        return self.path(name)

    def run_case(self, name):
        result = subprocess.run([sys.executable, RUN_CASE, PROBE, self.path(name)], capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_melody(self):
        """The same clip as transformers' format without a melody, and with one shorter and one longer than the window of 3 s."""
        theirs, ours = os.path.join(MODELS, "melody_mono"), self.path("models/melody_mono")
        to_audiocraft(theirs, ours, 3)
        short, long = self.tune("short.wav", 1.5), self.tune("long.wav", 7)
        clips = set()
        # int8 would differ: AudioCraft's files have a projection of the text here that changes nothing, and it is rounded
        for arguments in ([], ["--melody", short], ["--melody", long], ["--melody", short, "--temperature", "0", "--takes", "1"],
                          ["--melody", long, "--precision", "f16"], ["--melody", short, "--continue", short, "--duration", "2.5"],
                          ["--melody", long, "--guidance", "1"]):
            clip = self.clip(ours, *arguments)
            self.assertEqual(clip, self.clip(theirs, *arguments), arguments)
            clips.add(clip)
        self.assertEqual(len(clips), 7)  # each of them is heard
        # what lies behind the window of a longer clip is followed, too
        self.assertNotEqual(self.clip(ours, "--melody", long, "--duration", "5"), self.clip(ours, "--melody", short, "--duration", "5"))
        # every number of the reference's case: chroma, prefix, logits and codes
        shutil.copytree(os.path.join(CASES, "melody"), self.path("melody"))
        self.run_case("melody/melody_mono")
        # and its codes again as a case of AudioCraft's, which counts frames
        case = json.load(open(self.path("melody/melody_mono/case.json")))
        sound = {"dtype": "f32", "shape": [1, 1, 16000], "compare": "input"}
        tensors = {name: case["tensors"][name] for name in ("gen_codes", "text_only_codes", "tf_codes", "melody_audio")}
        run = {"use_sampling": False, "cfg_coef": 3.0, "prompts": case["prompts"][:1]}
        case = {"case": "audiocraft/melody", "model": "models/melody_mono", "t5": "models/melody_mono/t5-base", "prompts": case["prompts"][:2],
                "tensors": {**tensors, "codec_audio": sound, "gen_guided_logits": {"shape": [1, 4, 1, 64], "compare": "input"},
                            "text_only_guided_logits": {"shape": [1, 4, 1, 64], "compare": "input"}},
                "gen": {**run, "max_gen_len": tensors["gen_codes"]["shape"][2]}, "text_only": {**run, "max_gen_len": tensors["text_only_codes"]["shape"][2]}}
        reference = read_tensors(self.path("melody/melody_mono/reference.safetensors"))
        os.makedirs(self.path("audiocraft/melody"))
        json.dump(case, open(self.path("audiocraft/melody/case.json"), "w"))
        write(self.path("audiocraft/melody/reference.safetensors"),
              {**{name: reference[name] for name in tensors}, "codec_audio": ("F32", [1, 1, 16000], reference["melody_audio"][2][:64000])})
        self.run_case("audiocraft/melody")

    def test_other_conditions(self):
        """What is not followed is refused by its name."""
        theirs = os.path.join(MODELS, "melody_mono")
        for i, (stem, said) in enumerate((({"argmax": False}, "argmax"), ({"argmax": None}, "argmax"), ({"nfft": 32768}, "nfft"), ({"winhop": 1}, "winhop"),
                                          ({"n_chroma": 13}, "self_wav.output_proj"), ({"n_chroma": 1000}, "n_chroma"),
                                          ({"sample_rate": 16000}, "sample_rate"), ({"radix2_exp": 62}, "radix2_exp"))):
            to_audiocraft(theirs, self.path(f"stem{i}"), 3, **stem)
            self.assertIn(said, self.run_program("generate", "x", "-m", self.path(f"stem{i}"), "-o", self.path("x.wav"), code=3), stem)
        good = read(os.path.join(self.path("stem0"), "state_dict.bin"))
        config = json.loads(good["xp.cfg"])
        config["conditioners"]["self_wav"]["chroma_stem"]["argmax"] = True
        style = {**config["conditioners"], "self_wav": {"model": "style", "style": {}}}
        lut = {**config["conditioners"], "genre": {"model": "lut", "lut": {}}}
        for change, said in (({"conditioners": style}, "MusicGen Style"), ({"conditioners": lut}, "“genre” (lut)"),
                             ({"fuser": {"cross": ["description"], "prepend": ["self_wav"]}}, "fuser"),
                             ({"fuser": {"prepend": ["self_wav", "description"], "sum": ["genre"]}}, "fuser"),
                             ({"fuser": {"prepend": ["self_wav", "self_wav"]}}, "fuser"),
                             ({"conditioners": {"description": config["conditioners"]["description"]}}, "fuser")):
            torch_file.save(os.path.join(self.path("stem0"), "state_dict.bin"), good["best_state"], xp_cfg=json.dumps({**config, **change}))
            self.assertIn(said, self.run_program("generate", "x", "-m", self.path("stem0"), "-o", self.path("x.wav"), code=3))
        torch_file.save(os.path.join(self.path("stem0"), "state_dict.bin"), good["best_state"],
                        xp_cfg=json.dumps({**config, "fuser": {"prepend": ["description", "self_wav"]}}))
        self.clip(self.path("stem0"))

    def test_legacy(self):
        model = self.copy("legacy", "ac_musicgen/compression_state_dict.bin")
        shutil.copy(os.path.join(os.path.dirname(__file__), "legacy.th"), os.path.join(model, "state_dict.th"))
        text = os.path.join(MODELS, "ac_t5")
        self.assertEqual(self.clip(model, CLIPWRIGHT_TEXT_ENCODER=text), self.clip(os.path.join(MODELS, "ac_musicgen"), CLIPWRIGHT_TEXT_ENCODER=text))

    def test_models_folder(self):
        """A text encoder among the models is none itself."""
        for name in ("ac_t5", "ac_audiogen"):
            shutil.copytree(os.path.join(MODELS, name), self.path(f"data/clipwright/models/{name.replace('ac_t5', 't5-large')}"))
        report = json.loads(self.run_program("doctor", "--json", code=(0, 1)))  # 1: no sound device
        self.assertEqual([model["name"] for model in report["models"] if model["name"] != "starter"], ["ac_audiogen"])
        self.assertEqual([model["family"] for model in report["models"] if model["name"] != "starter"], ["audiogen"])
        self.clip("ac_audiogen")

    def copy(self, name, *parts):
        os.makedirs(self.path(name))
        for part in parts:
            shutil.copy(os.path.join(MODELS, part), self.path(name))
        return self.path(name)

    def test_text_encoder(self):
        model = self.copy("models/one", "ac_musicgen/state_dict.bin", "ac_musicgen/compression_state_dict.bin")
        said = self.run_program("generate", "x", "-m", model, "-o", self.path("x.wav"), code=3)
        self.assertIn("t5-base", said)
        self.assertIn("Hugging Face", said)
        expected = self.clip(os.path.join(MODELS, "ac_musicgen"))
        for place in (os.path.join(model, "t5-base"), self.path("models/t5-base"), self.path("data/clipwright/models/t5-base"),
                      self.path("models/mine")):
            shutil.copytree(os.path.join(MODELS, "ac_t5"), place)
            self.assertEqual(self.clip(model), expected, place)
            shutil.rmtree(place)
        self.assertEqual(self.clip(model, CLIPWRIGHT_TEXT_ENCODER=os.path.join(MODELS, "ac_t5")), expected)
        # two that fit and have other names: nobody guesses; and another published one is never taken
        for names in (("a", "b"), ("t5-large",)):
            for name in names:
                shutil.copytree(os.path.join(MODELS, "ac_t5"), self.path(f"models/{name}"))
            said = self.run_program("generate", "x", "-m", model, "-o", self.path("x.wav"), code=3)
            self.assertIn("t5-base", said)
            for name in names:
                shutil.rmtree(self.path(f"models/{name}"))

    def test_parts(self):
        half = self.copy("half", "ac_musicgen/state_dict.bin")
        self.assertIn("compression_state_dict.bin", self.run_program("generate", "x", "-m", half, "-o", self.path("x.wav"), code=3))
        codec = self.copy("codec", "ac_musicgen/compression_state_dict.bin")
        self.assertIn("codec", self.run_program("generate", "x", "-m", codec, "-o", self.path("x.wav"), code=2))
        other = self.copy("other", "ac_musicgen/state_dict.bin", "ac_audiogen/compression_state_dict.bin")
        shutil.copytree(os.path.join(MODELS, "ac_t5"), self.path("t5-base"))
        self.assertIn("sample_rate", self.run_program("generate", "x", "-m", other, "-o", self.path("x.wav"), code=3))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
