# SPDX-License-Identifier: MIT
"""The same weights in either format make the same clip, at each precision: test-formats.py CLIPWRIGHT CASES

AudioCraft's files are converted by convert.py, which reads them with Python's own pickle and zipfile. Also: what is said when a part is
missing, and where the text encoder is looked for.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from convert import convert

PROGRAM, CASES = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
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
