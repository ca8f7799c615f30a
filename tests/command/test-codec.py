# SPDX-License-Identifier: MIT
"""encode and decode on streams: memory that does not grow with the length, any rate and channel count, both layouts, Ctrl-C, bad input.

    test-codec.py PROGRAM MODELS [--hours N]      MODELS: the folder of the reference cases' models
"""
import array
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import wave

PROGRAM, MODELS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HOURS = float(sys.argv[sys.argv.index("--hours") + 1]) if "--hours" in sys.argv else 0
SANITIZED = "asan" in PROGRAM
MONO, CAUSAL, STEREO = (os.path.join(MODELS, f"encodec_{name}khz") for name in ("16", "24", "48"))


def write_wav(path, rate, n_channels, seconds):
    """A sweep and noise, written a second at a time."""
    noise = random.Random(3)
    second = [noise.uniform(-0.1, 0.1) for _ in range(rate * n_channels)]
    with wave.open(path, "wb") as file:
        file.setnchannels(n_channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        left = round(seconds * rate)
        for i in range(math.ceil(seconds)):
            n = min(rate, left - i * rate)
            tone = 100 + i % 50 * 20
            file.writeframes(array.array("h", (int(32767 * (x + 0.3 * math.sin(j // n_channels * tone * 2 * math.pi / rate)))
                                               for j, x in enumerate(second[:n * n_channels]))).tobytes())


def run(*arguments, code=0, **options):
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=3600, **options)
    assert result.returncode == code, f"exit {result.returncode}, not {code}: {arguments}: {result.stdout} {result.stderr}"
    return result


def run_json(*arguments, code=0):
    return json.loads(run(*arguments, "--json", code=code).stdout)


def peak_memory(*arguments):
    """In bytes, of a run that ends well."""
    process = subprocess.Popen([PROGRAM, *arguments, "-q"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_maxrss * 1024


def n_samples_of(path):
    with wave.open(path) as file:
        return file.getnframes(), file.getframerate(), file.getnchannels()


class Codec(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)

    def test_layouts_agree(self):
        """JSON and safetensors hold the same codes, and what a program reads from them is what was made."""
        write_wav("a.wav", 24000, 1, 2.3)
        first = run_json("encode", "a.wav", "-m", CAUSAL, "-b", "6", "-o", "a.ecdc.json")
        second = run_json("encode", "a.wav", "-m", CAUSAL, "-b", "6", "-o", "a.safetensors")
        self.assertEqual((first["codebooks"], first["frames"], first["samples"], first["kbps"]), (8, 173, 55200, 6.0))
        self.assertEqual({**first, "path": ""}, {**second, "path": ""})
        with open("a.ecdc.json", encoding="utf-8") as file:
            whole = json.load(file)
        rows = [sum((block["codes"][k] for block in whole["blocks"]), []) for k in range(8)]
        data = open("a.safetensors", "rb").read()
        (n,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + n])
        self.assertEqual(header["codes"]["shape"], [1, 1, 8, 173])
        self.assertEqual(sum(rows, []), list(struct.unpack(f"<{8 * 173}q", data[8 + n:])))
        self.assertEqual((whole["n_frames"], whole["n_samples"], whole["codebook_size"]), (173, 55200, 1024))
        for name in ("a.ecdc.json", "a.safetensors"):
            run("decode", name, "-m", CAUSAL, "-o", name + ".wav")
        self.assertEqual(open("a.ecdc.json.wav", "rb").read(), open("a.safetensors.wav", "rb").read())
        # another program's spelling of the same: keys sorted, broken into lines, blocks joined
        whole["blocks"] = [{"codes": rows}]
        with open("pretty.json", "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1, sort_keys=True)
        run("decode", "pretty.json", "-m", CAUSAL, "-o", "pretty.wav")
        self.assertEqual(open("pretty.wav", "rb").read(), open("a.safetensors.wav", "rb").read())

    def test_bandwidths(self):
        write_wav("a.wav", 24000, 1, 0.4)
        for kbps, books in ((1.5, 2), (3, 4), (6, 8), (12, 16), (24, 32)):
            self.assertEqual(run_json("encode", "a.wav", "-m", CAUSAL, "-b", str(kbps), "-o", "x.json")["codebooks"], books)
        self.assertIn("1.5, 3, 6, 12, 24", run("encode", "a.wav", "-m", CAUSAL, "-b", "5", "-o", "y.json", code=2).stderr)
        self.assertFalse(os.path.exists("y.json"))

    def test_any_rate_and_channels(self):
        for rate, n_channels, model, expected in ((44100, 2, MONO, (16000, 1)), (8000, 1, STEREO, (48000, 2)), (48000, 6, STEREO, (48000, 2)),
                                                  (11025, 3, CAUSAL, (24000, 1))):
            write_wav("a.wav", rate, n_channels, 1.25)
            result = run("encode", "a.wav", "-m", model, "-o", "a.json")
            self.assertEqual(str(rate) in result.stderr, rate != expected[0])
            self.assertEqual("mixed" in result.stderr, n_channels != expected[1])
            run("decode", "a.json", "-m", model, "-o", "b.wav")
            self.assertEqual(n_samples_of("b.wav"), (round(round(1.25 * rate) * expected[0] / rate), *expected))

    def test_chunks(self):
        """48 kHz: chunk i is there when sample 47520 i is."""
        for n, n_chunks in ((1, 1), (47520, 1), (47521, 2), (95041, 3)):
            with wave.open("a.wav", "wb") as file:
                file.setparams((2, 2, 48000, n, "NONE", ""))
                file.writeframes(array.array("h", [1000, -500] * n).tobytes())
            self.assertEqual(run_json("encode", "a.wav", "-m", STEREO, "-o", "a.json")["chunks"], n_chunks)
            run("decode", "a.json", "-m", STEREO, "-o", "b.wav")
            self.assertEqual(n_samples_of("b.wav")[0], n)

    @unittest.skipIf(SANITIZED, "the sanitizers keep freed memory")
    def test_memory(self):
        """A minute takes no more than eight seconds do, but for the allocator's and the page cache's little differences."""
        for model, rate, layouts in ((MONO, 44100, ("json", "safetensors")), (STEREO, 48000, ("json",))):
            write_wav("short.wav", rate, 2, 8)
            write_wav("long.wav", rate, 2, 64)
            for layout in layouts:
                peaks = []
                for name in ("short", "long"):
                    peaks.append((peak_memory("encode", f"{name}.wav", "-m", model, "-o", f"{name}.{layout}"),
                                  peak_memory("decode", f"{name}.{layout}", "-m", model, "-o", "out.wav")))
                for short, long in zip(*peaks):
                    self.assertLess(long, short + 2.5e6, (model, layout, peaks))

    def test_interrupt(self):
        write_wav("a.wav", 48000, 2, 60)
        process = subprocess.Popen([PROGRAM, "encode", "a.wav", "-m", STEREO, "-o", "a.json", "--json"], stdout=subprocess.PIPE)
        while not os.listdir() or len(os.listdir()) < 2:  # the file beside: encoding has begun
            time.sleep(0.01)
            if process.poll() is not None:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        result = json.loads(process.communicate(timeout=300)[0])
        if process.returncode != 0:  # 0: this machine was done before
            self.assertEqual((process.returncode, result["stopped"]), (130, True))
            self.assertLess(result["duration_s"], 60)
        self.assertEqual(sorted(os.listdir()), ["a.json", "a.wav"])
        run("decode", "a.json", "-m", STEREO, "-o", "b.wav")
        self.assertEqual(n_samples_of("b.wav")[0], result["samples"])

    def test_bad_input(self):
        write_wav("a.wav", 16000, 1, 0.5)
        run("encode", "a.wav", "-m", MONO, "-o", "a.json")
        run("encode", "a.wav", "-m", MONO, "-o", "a.safetensors")
        good = open("a.wav", "rb").read()
        with open("nan.wav", "wb") as file:
            samples = struct.pack("<4f", 0.1, 0.2, math.nan, 0.3)
            file.write(b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32) +
                       b"data" + struct.pack("<I", len(samples)) + samples)
        open("empty.wav", "wb").close()
        open("header.wav", "wb").write(good[:44])
        open("words.wav", "w").write("no sound, only words\n" * 10)
        os.mkdir("folder")
        before = sorted(os.listdir())
        for name, says in (("nan.wav", "sample 2 is not a finite number"), ("empty.wav", ""), ("header.wav", "no sound"), ("words.wav", ""),
                           ("folder", "not a file"), ("missing.wav", "No such file")):
            result = run("encode", name, "-m", MONO, "-o", "x.json", code=1)
            self.assertIn(name, result.stderr)
            self.assertIn(says, result.stderr)
        self.assertIn("16000 Hz", run("decode", "a.json", "-m", CAUSAL, "-o", "x.wav", code=2).stderr)
        text = open("a.json").read()
        for name, content in (("cut.json", text[:len(text) // 2]), ("code.json", text.replace("[[", "[[99999,", 1)),
                              ("empty.json", ""), ("other.json", '{"blocks":[]}'), ("list.json", "[1,2,3,4,5,6,7,8,9]")):
            open(name, "w").write(content)
            self.assertIn(name, run("decode", name, "-m", MONO, "-o", "x.wav", code=1).stderr)
            os.remove(name)
        for name in ("a.wav", "words.wav", "empty.wav"):
            said = run("decode", name, "-m", MONO, "-o", "x.wav", code=1).stderr
            self.assertIn("neither as JSON nor as safetensors", said)
            self.assertIn("clipwright encode", said)
        data = open("a.safetensors", "rb").read()
        open("cut.safetensors", "wb").write(data[:-100])
        self.assertIn("cut.safetensors", run("decode", "cut.safetensors", "-m", MONO, "-o", "x.wav", code=1).stderr)
        os.remove("cut.safetensors")
        self.assertEqual(sorted(os.listdir()), before)

    def test_no_room(self):
        write_wav("a.wav", 16000, 1, 20)
        run("encode", "a.wav", "-m", MONO, "-o", "a.json")
        limit = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); os.execv(sys.argv[1], sys.argv[1:])"
        for arguments in (("encode", "a.wav", "-o", "x.json"), ("encode", "a.wav", "-o", "x.safetensors"), ("decode", "a.json", "-o", "x.wav")):
            result = subprocess.run([sys.executable, "-c", limit, PROGRAM, *arguments, "-m", MONO], capture_output=True, text=True, timeout=300)
            self.assertEqual(result.returncode, 1, (arguments, result.stdout, result.stderr))
            self.assertIn("x.", result.stderr)
        self.assertEqual(sorted(os.listdir()), ["a.json", "a.wav"])


class Hours(unittest.TestCase):
    @unittest.skipIf(HOURS == 0, "only with --hours")
    def test_hours(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            write_wav("short.wav", 16000, 2, 60)
            write_wav("long.wav", 16000, 2, HOURS * 3600)
            for layout in ("json", "safetensors"):
                peaks = [[peak_memory("encode", f"{name}.wav", "-m", MONO, "-o", f"{name}.{layout}"),
                          peak_memory("decode", f"{name}.{layout}", "-m", MONO, "-o", f"{name}.{layout}.wav")] for name in ("short", "long")]
                print(layout, peaks)
                for short, long in zip(*peaks):
                    self.assertLess(long, short + 4e6, (layout, peaks))
            self.assertEqual(n_samples_of("long.json.wav")[0], HOURS * 3600 * 16000)


if __name__ == "__main__":
    sys.argv[1:] = ["Hours" if HOURS else "Codec"]
    unittest.main(verbosity=2)
