# SPDX-License-Identifier: MIT
"""analyze, against values that are known (EBU Tech 3341 and 3342's signals) or computed here with numpy.

    test-analyze.py PROGRAM CASES      CASES: the folder of the reference cases
"""
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("numpy is not there")
    sys.exit(77)

PROGRAM, CASES = (os.path.abspath(argument) for argument in sys.argv[1:3])
DISCRIMINATOR = os.path.join(CASES, "models/disc_msstftd")


def write_wav(path, samples, rate):
    """32-bit float; @samples [n] or [n, channels]"""
    samples = np.asarray(samples, dtype="<f4").reshape(len(samples), -1)
    data, n_channels = samples.tobytes(), samples.shape[1]
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
                   struct.pack("<IHHIIHH", 16, 3, n_channels, rate, 4 * rate * n_channels, 4 * n_channels, 32) + b"data" +
                   struct.pack("<I", len(data)) + data)


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_tensor(path, name):
    with open(path, "rb") as file:
        data = file.read()
    (n,) = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8:8 + n])[name]
    begin, end = entry["data_offsets"]
    return np.frombuffer(data[8 + n + begin:8 + n + end], dtype="<f4").reshape(entry["shape"])


def sine(hz, seconds, rate, dbfs=0.0, phase=0.0):
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate + phase)


def run(*arguments, code=0):
    result = subprocess.run([PROGRAM, "analyze", *arguments], capture_output=True, text=True, timeout=600)
    assert result.returncode == code, f"exit {result.returncode}, not {code}: {arguments}: {result.stdout} {result.stderr}"
    return result


def analyze(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def mel_of(x, rate, n_fft, hop, normalised):
    """AudioCraft's MelSpectrogramWrapper, without the logarithm: [mels, frames]."""
    pad = (n_fft - hop) // 2
    x = np.pad(x.astype(np.float64), pad, mode="reflect")
    frames = math.ceil((len(x) - n_fft) / hop) + 1
    x = np.pad(x, (0, max(0, (frames - 1) * hop + n_fft - len(x))))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    power = np.abs(np.fft.rfft(np.stack([x[t * hop:t * hop + n_fft] * window for t in range(frames)]))) ** 2
    if normalised:
        power /= (window ** 2).sum()
    to_mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    points = 700 * (10 ** (np.linspace(to_mel(64), to_mel(rate // 2), 66) / 2595) - 1)
    bins = np.linspace(0, rate // 2, n_fft // 2 + 1)
    up = (bins[None] - points[:-2, None]) / np.diff(points)[:-1, None]
    down = (points[2:, None] - bins[None]) / np.diff(points)[1:, None]
    return np.maximum(0, np.minimum(up, down)) @ power.T


def mel_distances(a, b, rate):
    total = 0
    for i in range(6, 11):
        p, q = (mel_of(x, rate, 2 ** i, 2 ** i // 4, True) for x in (a, b))
        total += np.abs(p - q).mean() + ((np.log10(1e-5 + p) - np.log10(1e-5 + q)) ** 2).mean()
    p, q = (np.log10(1e-5 + mel_of(x, rate, 1024, 256, False)) for x in (a, b))
    return total / 10, np.abs(p - q).mean()


def si_sdr(reference, other):
    reference, other = reference - reference.mean(), other - other.mean()
    target = (reference @ other) / (reference @ reference) * reference
    return 10 * np.log10((target @ target) / ((other - target) @ (other - target)))


class Analyze(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)

    def test_loudness(self):
        """Tech 3341, cases 1 to 3; Tech 3342, cases 1 and 2."""
        stereo = lambda x: np.stack([x, x], 1)
        tone = lambda dbfs, seconds: sine(1000, seconds, 48000, dbfs)
        for parts, loudness, spread in (([(-23, 20)], -23, None), ([(-33, 20)], -33, None), ([(-36, 10), (-23, 60), (-36, 10)], -23, None),
                                        ([(-20, 20), (-30, 20)], None, 10), ([(-20, 20), (-15, 20)], None, 5)):
            write_wav("a.wav", stereo(np.concatenate([tone(*part) for part in parts])), 48000)
            found = analyze("a.wav")["files"][0]
            if loudness is not None:
                self.assertAlmostEqual(found["loudness_lufs"], loudness, delta=0.1)
            if spread is not None:
                self.assertAlmostEqual(found["loudness_range_lu"], spread, delta=1)

    def test_peaks(self):
        """Tech 3341, case 16: between the samples the wave goes 3 dB higher than at them."""
        write_wav("a.wav", np.tile(sine(12000, 2, 48000, -6, np.pi / 4), 1), 48000)
        found = analyze("a.wav")["files"][0]
        self.assertAlmostEqual(found["peak_dbfs"], -9.01, delta=0.02)
        self.assertTrue(-6.4 <= found["true_peak_dbtp"] <= -5.8, found)
        self.assertEqual((found["rate_hz"], found["channels"], found["samples"], found["duration_s"]), (48000, 1, 96000, 2.0))

    def test_defects(self):
        x = np.zeros((1000, 2))
        x[:, 0] = 0.25
        x[10:15, 1], x[20:22, 1], x[30, 0], x[40:43, 0] = 1.0, -1.0, 1.5, -1.2
        write_wav("a.wav", x, 44100)
        found = analyze("a.wav")["files"][0]
        self.assertEqual((found["clipped_samples"], found["clipped_runs"]), (11, 2))
        np.testing.assert_allclose(found["dc"], x.mean(0), atol=1e-6)
        write_wav("silence.wav", np.zeros(48000), 48000)
        found = analyze("silence.wav")["files"][0]
        self.assertEqual((found["loudness_lufs"], found["true_peak_dbtp"], found["clipped_samples"]), (None, None, 0))
        self.assertIn("silence", run("silence.wav").stdout)

    def test_comparison(self):
        noise = np.random.default_rng(5)
        rate = 24000
        a = sine(440, 2.3, rate, -12) + 0.1 * sine(3000, 2.3, rate) + 0.02
        b = (0.8 * a + 0.01 * noise.standard_normal(len(a))).astype("<f4")[:-3000]
        write_wav("a.wav", a, rate)
        write_wav("b.wav", b, rate)
        found = analyze("a.wav", "b.wav")["comparison"]
        a = a.astype("<f4")[:len(b)]
        self.assertEqual((found["compared_samples"], found["identical"], found["converted"]), (len(b), False, False))
        self.assertAlmostEqual(found["si_sdr_db"], si_sdr(a.astype(float), b.astype(float)), delta=1e-3)
        distance, log_mel = mel_distances(a, b, rate)
        self.assertAlmostEqual(found["mel_distance"], distance, delta=1e-4 * distance)
        self.assertAlmostEqual(found["log_mel_l1"], log_mel, delta=1e-4 * log_mel)
        self.assertAlmostEqual(found["max_difference"], np.abs(a.astype(float) - b).max(), delta=1e-6)
        self.assertIn("2.30 s", run("a.wav", "b.wav").stdout)
        same = analyze("a.wav", "a.wav")["comparison"]
        self.assertEqual((same["identical"], same["mel_distance"], same["si_sdr_db"]), (True, 0, None))
        # only louder: SI-SDR has no bound
        write_wav("louder.wav", 0.5 * a, rate)
        self.assertIsNone(analyze("b.wav", "b.wav")["comparison"]["si_sdr_db"])
        # another rate and more channels are brought to the first's
        write_wav("other.wav", np.stack([sine(440, 2, 48000, -12)] * 2, 1), 48000)
        write_wav("first.wav", sine(440, 2, rate, -12), rate)
        found = analyze("first.wav", "other.wav")["comparison"]
        self.assertTrue(found["converted"])
        self.assertGreater(found["si_sdr_db"], 40)
        write_wav("tiny.wav", [0.1, 0.2, -0.1], rate)
        self.assertIsNone(analyze("tiny.wav", "b.wav")["comparison"]["mel_distance"])

    def test_long_comparison(self):
        """Two segments and a rest: memory is that of one, the distance their mean."""
        x = np.random.default_rng(1).standard_normal(8000 * 70) * 0.1
        write_wav("a.wav", x, 8000)
        write_wav("b.wav", np.concatenate([x[:8000 * 30], 0.5 * x[8000 * 30:]]), 8000)
        found = analyze("a.wav", "b.wav")["comparison"]
        parts = [mel_distances(x[i:i + 240000].astype("<f4"), (0.5 * x[i:i + 240000]).astype("<f4"), 8000)[0] for i in (240000, 480000)]
        self.assertAlmostEqual(found["mel_distance"], (parts[0] * 30 + parts[1] * 10) / 70, delta=1e-3 * found["mel_distance"])

    def calibrate(self, calibration):
        shutil.rmtree("judge", ignore_errors=True)
        shutil.copytree(DISCRIMINATOR, "judge")
        with open("judge/calibration.json", "w") as file:
            file.write(calibration if isinstance(calibration, str) else json.dumps(calibration))

    def test_discriminator(self):
        """The score is the mean of the reference's logits; a verdict only where the weights were trained."""
        case = os.path.join(CASES, "discriminators/msstftd/reference.safetensors")
        write_wav("fake.wav", read_tensor(case, "fake")[0, 0], 16000)
        expected = np.mean([read_tensor(case, f"fake_logits_{i}").mean() for i in range(3)])
        found = analyze("fake.wav", "--discriminator", DISCRIMINATOR)["files"][0]["discriminator"]
        self.assertAlmostEqual(found["score"], expected, delta=1e-6)
        self.assertEqual((found["trained"], "verdict" in found, "real" in found), (False, False, False))
        self.assertIn("never trained", run("fake.wav", "--discriminator", DISCRIMINATOR).stdout)
        rising = lambda low: dict(zip(("p5", "p25", "p50", "p75", "p95"), (low, low + 0.1, low + 0.2, low + 0.3, low + 0.4)))
        for low, verdict, rank in ((expected - 0.2, "as real as real clips", 50), (expected - 0.05, "less real than most real clips", 15),
                                   (expected + 1, "less real than real clips", 0), (expected - 9, "as real as real clips", 100)):
            self.calibrate({"trained": True, "rate_hz": 16000, "n_clips": 50, "real": rising(float(low)), "codec": rising(-7.0)})
            found = analyze("fake.wav", "--discriminator", "judge")["files"][0]["discriminator"]
            self.assertEqual((found["trained"], found["verdict"], found["calibration_clips"]), (True, verdict, 50))
            self.assertAlmostEqual(found["percentile_of_real"], rank, delta=0.1)
            words = run("fake.wav", "--discriminator", "judge").stdout
            for part in (f"{expected:.3f}: {verdict}", f"real clips {low:.3f} to {low + 0.4:.3f}, median {low + 0.2:.3f}", "through the codec -7.000"):
                self.assertIn(part, words)
            for label, values in (("real", rising(float(low))), ("codec", rising(-7.0))):
                self.assertEqual({k: round(v, 9) for k, v in found[label].items()}, {k: round(v, 9) for k, v in values.items()})
        self.calibrate({"trained": False})
        self.assertFalse(analyze("fake.wav", "--discriminator", "judge")["files"][0]["discriminator"]["trained"])
        write_wav("tiny.wav", [0.1] * 100, 16000)
        self.calibrate({"trained": True, "n_clips": 5, "real": rising(0.0)})
        self.assertEqual(analyze("tiny.wav", "--discriminator", "judge")["files"][0]["discriminator"]["verdict"], "too short")
        # windows of one length, of any rate and channel count
        write_wav("long.wav", np.random.default_rng(2).uniform(-0.3, 0.3, (44100 * 12, 2)), 44100)
        self.assertTrue(math.isfinite(analyze("long.wav", "--discriminator", "judge")["files"][0]["discriminator"]["score"]))

    def test_broken_discriminator(self):
        write_wav("a.wav", [0.1] * 4000, 16000)
        for calibration in ("{", "[]", '{"trained": true}', '{"trained": true, "real": {"p5": 1, "p25": 0, "p50": 2, "p75": 3, "p95": 4}}',
                            '{"trained": true, "real": {"p5": 1}}', '{"trained": 7}'):
            self.calibrate(calibration)
            self.assertIn("calibration.json", run("a.wav", "--discriminator", "judge", code=3).stderr)
        for config in ('{"kind": "Other"}', "{}", '{"kind": "MultiPeriodDiscriminator"}', '{"kind": "MultiScaleSTFTDiscriminator", "n_ffts": [0]}',
                       '{"kind": "MultiScaleSTFTDiscriminator", "filters": -1}', '{"kind": "MultiScaleDiscriminator", "downsample_scales": 3}'):
            self.calibrate({"trained": False})
            write_text("judge/config.json", config)
            self.assertTrue(run("a.wav", "--discriminator", "judge", code=3).stderr, config)
        self.assertTrue(run("a.wav", "--discriminator", "nowhere", code=3).stderr)

    def test_bad_input(self):
        write_wav("nan.wav", [0.1, math.nan, 0.2], 16000)
        write_wav("a.wav", [0.1, 0.2], 16000)
        write_text("empty.wav", "")
        write_text("words.wav", "words " * 100)
        os.mkdir("folder")
        for name in ("nan.wav", "empty.wav", "words.wav", "folder", "missing.wav"):
            self.assertIn(name, run(name, code=1).stderr)
            self.assertIn(name, run("a.wav", name, code=1).stderr)
        self.assertEqual(json.loads(run("nan.wav", "--json", code=1).stdout)["error"]["code"], "failed")
        write_wav("six.wav", np.zeros((100, 6)), 16000)
        run("six.wav", "a.wav", code=2)
        for arguments in ([], ["a.wav", "a.wav", "a.wav"], ["--nonsense"]):
            run(*arguments, code=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
