# SPDX-License-Identifier: MIT
"""The command line with the starter model: what it writes, what it says, how it ends."""
import hashlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
MODELS = os.path.abspath(sys.argv.pop(1))
SANITIZED = "asan" in PROGRAM


def run(*arguments, code=0, **options):
    env = dict(os.environ, LC_ALL="C.UTF-8", **options.pop("env", {}))
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, env=env, timeout=300, **options)
    text = f"{arguments}: {result.stdout.decode(errors='replace')} {result.stderr.decode(errors='replace')}"
    assert result.returncode == code, f"exit {result.returncode}, not {code}, of {text}"
    return result


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def info_strings(path):
    """The LIST INFO chunk of a WAV file."""
    data, found, at = open(path, "rb").read(), {}, 12
    while at + 8 <= len(data):
        name, size = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], "little")
        if name == b"LIST" and data[at + 8:at + 12] == b"INFO":
            inner = at + 12
            while inner + 8 <= at + 8 + size:
                n = int.from_bytes(data[inner + 4:inner + 8], "little")
                found[data[inner:inner + 4].decode()] = data[inner + 8:inner + 8 + n].rstrip(b"\0").decode()
                inner += 8 + n + n % 2
        at += 8 + size + size % 2
    return found


def data(path):
    """The samples of a WAV file."""
    whole = open(path, "rb").read()
    at = whole.index(b"data", 12)
    return whole[at + 8:at + 8 + int.from_bytes(whole[at + 4:at + 8], "little")]


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.chdir(self.folder)
        self.cache = {"XDG_CACHE_HOME": os.path.join(self.folder, "cache")}

    def test_same_seed_same_bytes(self):
        for name in ("a.wav", "b.wav"):
            run("generate", "heavy rain", "--seed", "7", "-o", name, "--duration", "1", "-q")
        run("generate", "heavy rain", "--seed", "8", "-o", "c.wav", "--duration", "1", "-q")
        self.assertEqual(digest("a.wav"), digest("b.wav"))
        self.assertNotEqual(digest("a.wav"), digest("c.wav"))
        for name in ("a.wav", "b.wav"):  # libsndfile would write the second of its making into a float file
            run("generate", "heavy rain", "--seed", "7", "-o", name, "--duration", "1", "-q", "-f", "float")
            time.sleep(1.1)
        self.assertEqual(digest("a.wav"), digest("b.wav"))

    def test_threads_and_takes_do_not_matter(self):
        result = json.loads(run("generate", "piano", "--seed", "3", "--takes", "3", "-o", "t.wav", "-d", "1", "--json").stdout)
        self.assertEqual([f["path"] for f in result["files"]], ["t-1.wav", "t-2.wav", "t-3.wav"])
        run("generate", "piano", "--seed", "3", "-o", "one.wav", "-d", "1", "-q")
        sound = [open(n, "rb").read()[-40000:] for n in ("t-1.wav", "t-2.wav", "t-3.wav", "one.wav")]
        self.assertEqual(sound[0], sound[3])
        self.assertNotEqual(sound[0], sound[1])

    def test_name_from_the_prompt(self):
        run("generate", "Glass, breaking!", "-d", "0.2")
        run("generate", "Glass, breaking!", "-d", "0.2")
        self.assertEqual(sorted(os.listdir()), ["Glass-breaking-2.wav", "Glass-breaking.wav"])

    def test_metadata(self):
        run("generate", "bird’s song", "-d", "0.2", "-s", "11", "-g", "2.5", "-o", "m.wav", "-q")
        strings = info_strings("m.wav")
        recipe = json.loads(strings["ICMT"])
        self.assertEqual(strings["INAM"], "bird’s song")
        self.assertTrue(strings["ISFT"].startswith("Clipwright"))
        self.assertEqual((recipe["prompt"], recipe["seed"], recipe["guidance"], recipe["ai_generated"]), ("bird’s song", 11, 2.5, True))
        self.assertEqual(len(recipe["model_hash"]), 64)

    def test_bad_values(self):
        for arguments in (["generate"], ["generate", ""], ["generate", "  "], ["generate", "a", "b"], ["generate", b"\xff\xfe"],
                          ["generate", "x", "--nonsense"], ["encode"], ["decode", "x"], ["generate", "x", "-o", "x.mp3"],
                          ["generate", "x", "-o", "x.wav", "-f", "flac"], ["generate", "x", "-f", "mp3"],
                          ["generate", "x", "--seed", "-1"], ["generate", "x", "--seed", "abc"], ["nonsense"]):
            self.assertTrue(run(*arguments, code=2).stderr, arguments)
        for option, values in {"--duration": ("0", "-1", "nan", "inf", "1e9", "x"), "--guidance": ("0", "99", "nan"),
                               "--temperature": ("-1", "nan", "6"), "--top-k": ("-1",), "--top-p": ("-0.1", "1.1", "nan"),
                               "--takes": ("0", "-3", "17", "99999999999999")}.items():
            for value in values:
                self.assertTrue(run("generate", "x", option, value, code=2).stderr, (option, value))
        self.assertEqual(os.listdir(), [])

    def test_long_prompt(self):
        run("generate", "rain " * 2000, "-d", "0.2", "-o", "long.wav", "-q")
        self.assertTrue(run("generate", "x" * 70000, code=2).stderr)

    def test_models(self):
        self.assertIn("starter", run("generate", "x", "-m", "nope", code=3).stderr.decode())
        os.mkdir("broken")
        open("broken/config.json", "w").write("{")
        self.assertIn("config.json", run("generate", "x", "-m", "broken", code=3).stderr.decode())
        self.assertEqual(json.loads(run("generate", "x", "-m", "nope", "--json", code=3).stdout)["error"]["code"], "model")

    def test_places(self):
        os.mkdir("folder.wav")
        for path in ("missing/a.wav", "folder.wav", "/proc/a.wav"):
            self.assertTrue(run("generate", "x", "-o", path, code=1).stderr)
        run("generate", "x", "-o", "/dev/null.wav/x.wav", code=1)
        self.assertEqual(os.listdir(), ["folder.wav"])

    def test_no_room(self):
        open("old.wav", "w").write("old")
        run("generate", "x", "-o", "old.wav", code=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000)))
        self.assertEqual((os.listdir(), open("old.wav").read()), (["old.wav"], "old"))

    def test_interrupt(self):
        process = subprocess.Popen([PROGRAM, "generate", "x", "--takes", "16", "-o", "i.wav", "--json"], stdout=subprocess.PIPE)
        time.sleep(4 if SANITIZED else 0.6)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        result = json.loads(out)
        if process.returncode != 0:  # 0: this machine was done before
            self.assertEqual((process.returncode, result["stopped"]), (130, True))
        self.assertEqual(sorted(os.listdir()), sorted(f["path"] for f in result["files"]))

    def test_codec(self):
        run("generate", "heavy rain", "-s", "1", "-o", "a.wav", "-d", "1", "-q")
        run("encode", "a.wav", "-o", "codes", "-q")
        run("decode", "codes", "-o", "b.wav", "-q")
        run("decode", "codes", "-o", "c.flac", "-q")
        self.assertEqual(json.loads(run("encode", "b.wav", "-o", "again", "--json").stdout)["codebooks"], 4)
        self.assertTrue(run("decode", "a.wav", "-o", "x.wav", code=1).stderr)
        self.assertTrue(run("encode", "codes", "-o", "x", code=1).stderr)
        self.assertTrue(run("encode", "missing.wav", "-o", "x", code=1).stderr)
        self.assertTrue(run("encode", "a.wav", "-o", "/dev/null", code=1).stderr)

    def test_bench(self):
        report = json.loads(run("bench", "--seconds", "0.5", "--precision", "int8", "--threads", "1", "--json", env=self.cache).stdout)
        self.assertEqual((report["precision"], report["threads"]), ("int8", 1))
        for key in ("steps_per_s", "times_real_time", "weight_bytes_per_step", "read_bandwidth", "bandwidth_fraction", "first_sound_s",
                    "codec_times_real_time", "codec_streaming_times_real_time", "multiply_add_peak", "codec_fraction", "load_s",
                    "peak_rss_bytes"):
            self.assertGreater(report[key], 0, key)
        for wrong in (["--seconds", "0"], ["--seconds", "1e9"], ["--threads", "-1"], ["--precision", "int3"]):
            run("bench", *wrong, code=2, env=self.cache)

    def test_bench_of_magnet(self):
        env = {**self.cache, "CLIPWRIGHT_TEXT_ENCODER": os.path.join(MODELS, "ac_t5")}
        arguments = ["bench", "-m", os.path.join(MODELS, "ac_magnet"), "-s", "1", "-p", "f32", "--threads", "1"]
        report = json.loads(run(*arguments, "--json", env=env).stdout)
        for key in ("steps_per_s", "step_s", "first_step_s", "times_real_time", "read_bandwidth", "first_sound_s", "text_s", "until_block_s",
                    "codec_times_real_time"):
            self.assertGreater(report[key], 0, key)
        # 2 rows of 48 frames through 2 layers, 48 wide: q k v o, cross q o, fc1 and fc2 of 192, and a head of 64
        self.assertEqual(report["operations_per_step"], 2 * 2 * 48 * (2 * 48 * (6 * 48 + 2 * 192) + 48 * 64))
        self.assertAlmostEqual(report["operations_fraction"], report["operations_per_step"] * report["steps_per_s"] / report["operations_peak"], 6)
        self.assertEqual(report["operations_peak"], report["multiply_add_peak"])
        self.assertGreater(report["first_sound_s"], 50 * 0.5 * report["step_s"])  # all 50 steps come before it
        self.assertIn("of what the processor can do", run(*arguments, env=env).stdout.decode())
        self.assertEqual(json.loads(run("bench", "-s", "0.2", "--json", env=env).stdout)["operations_per_step"], 0)

    def test_precision(self):
        """The same clip again from the cache; the file says what it was made with; another thread count changes nothing."""
        clips = []
        for name, threads in (("a.wav", "1"), ("b.wav", "2")):
            result = run("generate", "rain", "-d", "0.5", "-s", "3", "-p", "int8", "--threads", threads, "-o", name, "--json", env=self.cache)
            self.assertEqual(json.loads(result.stdout)["recipe"]["precision"], "int8")
            clips.append(digest(name))
        self.assertEqual(*clips)
        run("generate", "rain", "-p", "int9", code=2)
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "cache/clipwright/weights"))), 1)

    def sound(self, name, seconds, rate, channels, bits=16):
        """A WAV file of a rising tone."""
        import wave
        n = int(seconds * rate)
        frames = b"".join(int(9000 * math.sin(0.02 * i * (1 + i / n))).to_bytes(2, "little", signed=True) * channels for i in range(n))
        with wave.open(name, "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(bits // 8)
            file.setframerate(rate)
            file.writeframes(frames)

    def test_continue(self):
        self.sound("mine.wav", 1.5, 44100, 2)
        result = json.loads(run("generate", "rain", "-c", "mine.wav", "-d", "2.5", "-s", "1", "-o", "a.wav", "--json").stdout)
        self.assertEqual(result["files"][0]["duration_s"], 2.5)
        self.assertEqual(result["recipe"]["continues"], {"file": "mine.wav", "sha256": digest("mine.wav")})
        self.assertEqual(json.loads(info_strings("a.wav")["ICMT"])["continues"]["file"], "mine.wav")
        self.assertNotIn(self.folder.encode(), open("a.wav", "rb").read())  # where it lay stays here
        # what it begins with is the sound as the codec makes it, whatever is made of it
        run("generate", "police siren", "-c", "mine.wav", "-d", "2.5", "-s", "2", "-o", "b.wav", "-q")
        a, b = (data(name)[:3 * 16000] for name in ("a.wav", "b.wav"))  # 24 bit, one second
        self.assertEqual(a, b)
        self.assertTrue(any(a))
        # without a word, and without a length: eight seconds more than there are
        result = json.loads(run("generate", "--continue", "mine.wav", "--json", "-o", "c.wav").stdout)
        self.assertAlmostEqual(result["files"][0]["duration_s"], 9.5, delta=0.02)
        self.assertIn("2.5", run("generate", "x", "-c", "a.wav", "-d", "2.5", code=2).stderr.decode())
        self.assertIn("missing.wav", run("generate", "x", "-c", "missing.wav", code=1).stderr.decode())
        open("broken.wav", "w").write("RIFF")
        self.assertIn("broken.wav", run("generate", "x", "-c", "broken.wav", code=1).stderr.decode())
        self.assertIn("melody", run("generate", "x", "--melody", "mine.wav", code=2).stderr.decode())

    def test_melody(self):
        model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../reference/cases/models/melody_mono")
        self.sound("tune.wav", 1.5, 48000, 2)
        for name, more in (("a.wav", []), ("b.wav", ["--melody", "tune.wav"])):
            result = json.loads(run("generate", "pop", "-m", model, "-d", "1", "-t", "0", "-o", name, "--json", *more).stdout)
        self.assertNotEqual(data("a.wav"), data("b.wav"))
        self.assertEqual(result["recipe"]["melody"], {"file": "tune.wav", "sha256": digest("tune.wav")})
        # longer than its window, without a word, another prompt on the way
        run("generate", "-m", model, "-d", "6", "--melody", "tune.wav", "--prompt-at", "2:lofi chill beat", "-o", "c.wav", "-q")
        self.assertEqual(len(data("c.wav")), 6 * 32000 * 3)

    def test_magnet(self):
        models = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../reference/cases/models")
        env = {"CLIPWRIGHT_TEXT_ENCODER": os.path.join(models, "ac_t5")}
        magnet = ["-m", os.path.join(models, "ac_magnet"), "-s", "5"]
        sounds, recipes = [], []
        for i, more in enumerate(([], ["--decoding-steps", "20,10,10,10", "--spans", "nonoverlap", "--guidance-end", "1"],
                                  ["--decoding-steps", "6,3,2,2"], ["--spans", "stride1"], ["--guidance-end", "6.5"])):
            result = json.loads(run("generate", "lofi chill beat", *magnet, *more, "-o", f"{i}.wav", "--json", env=env).stdout)
            sounds.append(data(f"{i}.wav"))
            recipes.append([result["recipe"][key] for key in ("decoding_steps", "spans", "guidance_end")])
            self.assertEqual(json.loads(info_strings(f"{i}.wav")["ICMT"]), result["recipe"])
        default = [[20, 10, 10, 10], "nonoverlap", 1.0]
        self.assertEqual(recipes, [default, default, [[6, 3, 2, 2], *default[1:]], [default[0], "stride1", 1.0], [*default[:2], 6.5]])
        self.assertEqual(sounds[0], sounds[1])  # what was told is the default
        self.assertEqual(len(set(sounds)), 4)   # each of the others changes the clip
        for option, values in {"--decoding-steps": ("", "20", "20,10,10", "20,10,10,10,10", "20,10,10,0", "20,10,10,1001", "20,10,10,x",
                                                    "20,10,10,-1", ",,,", "9" * 400, "1," * 400),
                               "--spans": ("", "stride2"), "--guidance-end": ("0", "0.9", "21", "-1", "nan")}.items():
            for value in values:
                self.assertTrue(run("generate", "x", *magnet, option, value, "-o", "x.wav", code=2, env=env).stderr, (option, value))
        for more in (["--decoding-steps", "20,10,10,10"], ["--spans", "nonoverlap"], ["--guidance-end", "3"]):
            self.assertIn("MAGNeT", run("generate", "x", *more, "-o", "x.wav", code=2).stderr.decode())
        self.assertFalse(os.path.exists("x.wav"))
        self.assertNotIn("spans", json.loads(run("generate", "x", "-d", "0.2", "-o", "x.wav", "--json").stdout)["recipe"])

    def test_longer_than_the_window(self):
        for name, threads in (("a.wav", "1"), ("b.wav", "2")):
            result = json.loads(run("generate", "rain", "-d", "6", "-s", "3", "--extend-stride", "2", "--threads", threads, "-o", name, "--json",
                                    "--prompt-at", "3:police siren", "--prompt-at", "1.5:x: y").stdout)
        self.assertEqual(digest("a.wav"), digest("b.wav"))
        self.assertEqual(result["files"][0]["duration_s"], 6.0)
        recipe = json.loads(info_strings("a.wav")["ICMT"])
        self.assertEqual((recipe["later_prompts"], recipe["extend_stride_s"]),
                         ([{"from_s": 1.5, "prompt": "x: y"}, {"from_s": 3.0, "prompt": "police siren"}], 2.0))
        for arguments in (["-d", "601"], ["--extend-stride", "4"], ["--extend-stride", "-1"], ["--extend-stride", "nan"], ["--prompt-at", "x"],
                          ["--prompt-at", "5"], ["--prompt-at", ":x"], ["--prompt-at", "1:"], ["--prompt-at", "-1:x"], ["--prompt-at", "nan:x"],
                          ["-d", "3", "--prompt-at", "3:x"], ["--prompt-at", "1:x", "--prompt-at", "1:y"], ["--endless", "-n", "2"],
                          ["--endless", "-d", "3"], ["--threads", "-1"], ["--device", "tpu"]):
            self.assertTrue(run("generate", "x", *arguments, code=2).stderr, arguments)

    def test_endless(self):
        for name in ("e.wav", "e.flac"):
            process = subprocess.Popen([PROGRAM, "generate", "rain", "-s", "1", "--endless", "-o", name, "--json"], stdout=subprocess.PIPE)
            beside = []
            for _ in range(600):
                time.sleep(0.1)
                beside = [n for n in os.listdir() if n.startswith(name + ".")]
                if beside and os.path.getsize(beside[0]) > 40000:
                    break
            self.assertTrue(beside)  # it grows on the disk
            process.send_signal(signal.SIGINT)
            result = json.loads(process.communicate(timeout=120)[0])
            self.assertEqual((process.returncode, result["stopped"], result["recipe"]["endless"]), (0, False, True))
            self.assertGreater(result["files"][0]["duration_s"], 0.5)
        self.assertEqual(sorted(os.listdir()), ["e.flac", "e.wav"])
        self.assertEqual(json.loads(info_strings("e.wav")["ICMT"])["endless"], True)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        run("generate", "rain", "--endless", "-o", "full.wav", code=1, preexec_fn=limit)
        self.assertEqual(sorted(os.listdir()), ["e.flac", "e.wav"])

    def test_doctor(self):
        report = json.loads(subprocess.run([PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE,
                                           env=dict(os.environ, HOME=self.folder, ASAN_OPTIONS="detect_leaks=0")).stdout)
        self.assertEqual(report["models"][0]["name"], "starter")
        self.assertNotIn("problem", report["models"][0])
        self.assertIn(report["engine"]["kernels"], ("vnni", "avx512", "avx2", "c"))

    def test_plan(self):
        # without a card: what one of so much memory would take of the model, by precision
        environment = dict(os.environ, HOME=self.folder, ASAN_OPTIONS="detect_leaks=0")
        plans = [json.loads(subprocess.run([PROGRAM, "doctor", "--json", "-m", "starter", "--vram", size], stdout=subprocess.PIPE,
                                           env=environment).stdout)["plan"] for size in ("4G", "1M")]
        needs = plans[0]["needs"]
        self.assertEqual((plans[0]["decoder_on_card"], plans[0]["codec_on_card"], plans[0]["text_on_card"]), (True, True, True))
        self.assertEqual(list(needs), ["f32", "bf16", "f16", "int8", "int4"])
        self.assertGreater(plans[0]["takes_at_once"], 1)
        self.assertLess(needs["int4"]["weights"], needs["int8"]["weights"])
        self.assertLess(needs["int8"]["weights"], needs["f16"]["weights"])
        self.assertEqual(needs["f16"]["total"], sum(size for part, size in needs["f16"].items() if part not in ("total", "encoder", "encoder_stream")))
        self.assertEqual((plans[1]["decoder_on_card"], plans[1]["takes_at_once"], plans[1]["needs"]), (False, 0, needs))
        self.assertIn("The processor makes the clips", plans[1]["sentence"])
        self.assertIn("4295 MB", subprocess.run([PROGRAM, "doctor", "-m", "starter", "--vram", "4G"], stdout=subprocess.PIPE, env=environment,
                                                text=True).stdout)
        for arguments in (["--vram", "4G"], ["-m", "starter", "--vram", "much"], ["-p", "f16"], ["-d", "2"], ["-n", "2"],
                          *(["-m", "starter", *wrong] for wrong in (["-p", "f8"], ["-d", "0"], ["-d", "nan"], ["-n", "0"], ["-n", "17"]))):
            run("doctor", *arguments, code=2)

    def test_plan_of_a_clip(self):
        environment = dict(os.environ, HOME=self.folder, ASAN_OPTIONS="detect_leaks=0")
        plan = lambda *arguments: json.loads(subprocess.run([PROGRAM, "doctor", "--json", "-m", "starter", "--vram", "4G", *arguments],
                                                            stdout=subprocess.PIPE, env=environment).stdout)["plan"]
        whole, short = plan(), plan("-d", "1")
        self.assertLess(short["needs"]["f16"]["caches"], whole["needs"]["f16"]["caches"])
        self.assertEqual(short["needs"]["f16"]["weights"], whole["needs"]["f16"]["weights"])
        self.assertAlmostEqual(short["clip_s"], 1, delta=0.02)
        self.assertEqual(plan("-d", "1000"), whole)  # whose windows follow one another
        # takes: no more than were asked for at once, the rest in turns
        one, four = plan("-n", "1"), plan("-n", "4")
        self.assertEqual((one["takes"], one["takes_at_once"], one["turns"]), (1, 1, 1))
        self.assertEqual((four["takes"], four["takes_at_once"], four["turns"]), (4, 4, 1))
        self.assertLess(one["taken_bytes"], four["taken_bytes"])
        need = four["needs"][four["precision"]]
        fits = one["taken_bytes"] + 2 * (four["taken_bytes"] - one["taken_bytes"]) // 3 + 1000  # three
        turns = plan("-n", "4", "--vram", str(fits), "-p", four["precision"])
        self.assertEqual((turns["takes"], turns["takes_at_once"], turns["turns"], turns["decoder_on_card"]), (4, 3, 2, True))
        # a precision that was asked for is taken or nothing is
        self.assertEqual([plan("-p", p)["precision"] for p in ("f32", "bf16", "f16", "int8", "int4")], ["f32", "bf16", "f16", "int8", "int4"])
        # cuBLAS takes weights of 16 bits; its memory is kept, and counted
        self.assertGreater(whole["needs"]["f16"]["cublas"], 32 << 20)
        self.assertEqual(whole["needs"]["int8"]["cublas"], 0)
        self.assertTrue(plan("-p", "f16")["cublas_on_card"])
        self.assertFalse(plan("-p", "int8")["cublas_on_card"])
        self.assertGreater(plan("-p", "f16", "-n", "1")["taken_bytes"], 32 << 20)
        self.assertFalse(plan("-p", "f16", "--vram", str(32 << 20))["cublas_on_card"])
        self.assertGreater(need["weights"], 0)

    def test_help(self):
        for arguments in (["--help"], ["--version"]):
            self.assertTrue(run(*arguments).stdout)
        for command in ("generate", "encode", "decode", "bench", "doctor", "models list", "models get"):
            self.assertIn(f"clipwright {command} [", run(*command.split(), "--help").stdout.decode())

    def test_wrong_arguments_as_json(self):
        for arguments in (["generate"], ["generate", "a", "b"], ["generate", "x", "-d", "abc"], ["generate", "x", "--bogus"], ["encode", "a.wav"],
                          ["decode", "a.json"], ["analyze"], ["doctor", "x"], ["bench", "x"], ["models", "get"], ["models", "info"],
                          ["models", "list", "x"], ["models", "list", "--forget"]):
            self.assertEqual(json.loads(run(*arguments, "--json", code=2).stdout)["error"]["code"], "usage")
            result = run(*arguments, code=2)
            self.assertEqual((result.stdout, result.stderr[:12]), (b"", b"clipwright: "))

    def test_name_that_is_no_utf8(self):
        for arguments in (["generate", "x", "-d", "0.2", "-o", b"\xff.wav"], ["encode", b"\xff.wav", "-o", b"\xff.json"],
                          ["decode", b"\xff.json", "-o", b"\xff.flac"], ["analyze", b"\xff.wav", b"\xff.flac"]):
            self.assertTrue(json.loads(run(*arguments, "--json").stdout), arguments)
        for arguments, code in ((["models", "info", b"\xff"], 3), (["doctor", b"\xff"], 2), (["analyze", b"\xfe"], 1)):
            self.assertTrue(json.loads(run(*arguments, "--json", code=code).stdout)["error"]["message"], arguments)

    def test_starter_among_the_models(self):
        env = {"XDG_DATA_HOME": self.folder}
        starter = [m for m in json.loads(run("models", "list", "--json", env=env).stdout)["models"] if m["name"] == "starter"][0]
        self.assertEqual((starter["rate_hz"], starter["channels"]), (16000, 1))
        self.assertIn("16000 Hz, mono\n", run("models", "info", "starter", env=env).stdout.decode())
        self.assertIn("starter", run("models", "import", starter["folder"], "--as", "starter", code=3, env=env).stderr.decode())
        self.assertIn("“starter”", run("generate", "x", "-d", "0", code=2).stderr.decode())

    def test_no_display(self):
        nowhere = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
        self.assertIn("no display", run(code=1, env=nowhere).stderr.decode())
        for arguments in (["--bogus"], [PROGRAM, "-x"]):
            self.assertIn(f"no option “{arguments[-1]}”", run(*arguments, code=2, env=nowhere).stderr.decode())
        self.assertIn("no display", run("--", code=1, env=nowhere).stderr.decode())
        self.assertIn("no display", run("--gapplication-service", code=1, env=nowhere).stderr.decode())

    def test_given_twice(self):
        for option in ("--continue", "--melody", "-c"):
            words = run("generate", "x", option, "a.wav", option, "b.wav", code=2).stderr.decode()
            self.assertIn("more than once", words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
