# SPDX-License-Identifier: MIT
"""judge.py DATA MODEL PROGRAM [--out FOLDER] [--listener FILE] ...: does the starter model make what its prompt says?

DATA is a set that train/render.py made with another seed than the one that the model was trained on. A small convolutional network learns
to name its kinds (a tenth of it, held back, says how well). It then hears clips that PROGRAM makes with MODEL from wordings that no
training caption has: agreement, chance, and for scale the real clips and the real clips through the codec alone. Words that can be
measured (tempo, brightness, loudness, pitch) are measured in pairs of clips with the same seed. The codec is compared with Opus, if
opusenc is there, and everything with the discriminator, if the model has one. Figures are printed, and with --out written to
figures.json beside pictures of spectrograms.
"""
import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/train")
import captions  # noqa: E402
from codec import HEARD_DB, MEL_WINDOW, N_MELS, mel_bank  # noqa: E402
from discriminator import Discriminator  # noqa: E402

RATE_HZ, HOP = 16000, 640


def log_mel(clips):
    """[clip, sample] -> [clip, mel, frame], in nepers; each clip at the same loudness, and nothing that is HEARD_DB below it."""
    x = torch.from_numpy(np.asarray(clips, np.float32))
    x = x / (x.pow(2).mean(1, keepdim=True).sqrt() + 1e-4)
    window = torch.hann_window(MEL_WINDOW)
    power = torch.stft(x, MEL_WINDOW, HOP, MEL_WINDOW, window * 2 / MEL_WINDOW, return_complex=True).abs().pow(2)
    return (torch.einsum("cft,fm->cmt", power, mel_bank(MEL_WINDOW // 2 + 1, N_MELS)) + 10 ** (HEARD_DB / 10)).log() / 2


class Listener(torch.nn.Module):
    def __init__(self, n_kinds):
        super().__init__()
        widths = [1, 16, 32, 48, 64]
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:]))
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(b) for b in widths[1:])
        self.out = torch.nn.Linear(2 * widths[-1], n_kinds)

    def features(self, x):
        x = ((x + 4.0) / 2.0)[:, None]
        for layer, norm in zip(self.layers, self.norms):
            x = F.max_pool2d(F.relu(norm(layer(x))), 2)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

    def forward(self, x):  # [batch, mel, frame]
        return self.out(self.features(x))


def train(mels, kinds, n_kinds, n_epochs=16):
    listener = Listener(n_kinds)
    n_steps = n_epochs * (len(mels) // 32)
    optimizer = torch.optim.AdamW(listener.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, n_steps)
    for _ in range(n_steps):
        pick = torch.randint(len(mels), (32,))
        x = mels[pick].clone()
        for row in x:  # so that it listens to the sound, not to one band, its level or its floor
            band = int(torch.randint(N_MELS - 8, ()))
            row[band:band + int(torch.randint(8, ()))] = -8.0
        x = torch.roll(x, int(torch.randint(100, ())), 2) + 0.3 * torch.randn(32, 1, 1) + 0.3 * torch.randn_like(x)
        x = torch.logaddexp(x, -8.0 + 3.0 * torch.rand(32, 1, 1))
        loss = F.cross_entropy(listener(x), kinds[pick], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return listener.eval()


@torch.no_grad()
def heard(listener, clips, kinds):
    """Whether the first, and whether one of the first three, of what it names is right; [clip] each."""
    ranks = listener(log_mel(clips)).topk(3, 1).indices == torch.tensor(kinds)[:, None]
    return ranks[:, 0].float().numpy(), ranks.any(1).float().numpy()


@torch.no_grad()
def frechet(listener, a, b, n_dimensions=16):
    """Between the listener's features of two sets, on the main directions of the first (so few clips say nothing about more of them)."""
    fa, fb = (listener.features(log_mel(x)).double() for x in (a, b))
    mean = fa.mean(0)
    scale = fa.std(0) + 1e-6
    basis = torch.linalg.svd((fa - mean) / scale, full_matrices=False)[2][:n_dimensions].T
    za, zb = ((f - mean) / scale @ basis for f in (fa, fb))
    ca, cb = torch.cov(za.T), torch.cov(zb.T)
    root = torch.linalg.eigvals(ca @ cb).real.clamp(min=0).sqrt().sum()
    return float((za.mean(0) - zb.mean(0)).pow(2).sum() + ca.trace() + cb.trace() - 2 * root)


class Program:
    def __init__(self, path, model):
        self.path, self.model, self.folder = path, model, tempfile.mkdtemp()

    def run(self, *arguments):
        subprocess.run([self.path, arguments[0], "--quiet", *arguments[1:]], check=True)

    def make(self, prompt, seed):
        self.run("generate", "-m", self.model, "--seed", str(seed), "-o", f"{self.folder}/out.wav", "--", prompt)
        return soundfile.read(f"{self.folder}/out.wav", dtype="float32")[0]

    def through_codec(self, samples):
        soundfile.write(f"{self.folder}/in.wav", samples, RATE_HZ, subtype="PCM_16")
        self.run("encode", f"{self.folder}/in.wav", "-o", f"{self.folder}/codes", "-m", self.model)
        self.run("decode", f"{self.folder}/codes", "-o", f"{self.folder}/out.wav", "-m", self.model)
        codes = next(t for t in load_file(f"{self.folder}/codes").values() if t.dim() >= 2)
        sound = soundfile.read(f"{self.folder}/out.wav", dtype="float32")[0]
        return np.pad(sound, (0, max(0, len(samples) - len(sound))))[:len(samples)], codes.reshape(-1, codes.shape[-1]).numpy()


def through_opus(samples, kbps):
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(f"{folder}/in.wav", samples, RATE_HZ, subtype="PCM_16")
        subprocess.run(["opusenc", "--quiet", "--bitrate", str(kbps), f"{folder}/in.wav", f"{folder}/a.opus"], check=True)
        subprocess.run(["opusdec", "--quiet", "--rate", str(RATE_HZ), f"{folder}/a.opus", f"{folder}/out.wav"], check=True)
        sound = soundfile.read(f"{folder}/out.wav", dtype="float32")[0]
    return np.pad(sound, (0, max(0, len(samples) - len(sound))))[:len(samples)]


def mel_distance(a, b):
    """Mean absolute difference of the log mel spectra in dB (each clip's own level taken out, floor HEARD_DB)."""
    return float((log_mel(a) - log_mel(b)).abs().mean() * 20 / np.log(10))


def si_sdr(made, real):
    made, real = (x - x.mean(1, keepdims=True) for x in (made, real))
    target = (made * real).sum(1, keepdims=True) / ((real ** 2).sum(1, keepdims=True) + 1e-9) * real
    return float(np.mean(10 * np.log10(((target ** 2).sum(1) + 1e-9) / (((made - target) ** 2).sum(1) + 1e-9))))


def loudness(x):
    return float(np.sqrt((x ** 2).mean()))


def centroid(x):
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    return float((spectrum * np.fft.rfftfreq(len(x), 1 / RATE_HZ)).sum() / (spectrum.sum() + 1e-12))


def onset_strength(x):
    """At 100 frames a second: what rose since the frame before, over the mel bands."""
    window = torch.hann_window(512)
    power = torch.stft(torch.from_numpy(x.astype(np.float32)), 512, 160, 512, window, return_complex=True).abs().pow(2)
    bands = (power.T @ mel_bank(257, 40) + 1e-3 * float(power.mean()) + 1e-9).log()
    return (bands[1:] - bands[:-1]).clamp(min=0).mean(1).numpy()


def tempo(x):
    """Beats a minute: the strongest period of the onsets between 45 and 190 a minute, slightly preferring about 110."""
    onsets = onset_strength(x)
    onsets = onsets - onsets.mean()
    found = np.correlate(onsets, onsets, "full")[len(onsets) - 1:]
    lags = np.arange(len(found))
    bpm = 6000 / np.maximum(lags, 1)
    score = np.where((bpm >= 45) & (bpm <= 190), found / (len(onsets) - lags * 0.5) * np.exp(-0.5 * (np.log2(bpm / 110) / 1.2) ** 2), -np.inf)
    return float(bpm[np.argmax(score)])


def onsets_per_second(x):
    strength = onset_strength(x)
    peaks = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:]) & (strength[1:-1] > strength.mean() + 0.8 * strength.std())
    return float(peaks.sum() / (len(x) / RATE_HZ))


PAIRS = {  # what is measured: pairs of words, kinds, measure; the first word of a pair should give more of it
    "tempo": ([("fast", "slow")], ["drums", "kick", "piano", "bass guitar", "acoustic guitar", "footsteps", "alarm", "laser"], onsets_per_second),
    "brightness": ([("bright", "dark")], ["drums", "piano", "strings", "rain", "wind", "engine", "organ", "acoustic guitar"], centroid),
    "loudness": ([("loud", "soft")], ["drums", "piano", "rain", "engine", "bass guitar", "siren", "ocean", "knock"], loudness),
    "pitch": ([("high pitched", "low pitched")], ["piano", "organ", "flute", "strings", "electric piano", "synth lead", "brass", "bell"], centroid),
}


def measure_words(program, n_seeds):
    out = {}
    for what, (words, kinds, measure) in PAIRS.items():
        right = []
        for (more, less), kind, seed in itertools.product(words, kinds, range(n_seeds)):
            name = captions.NAMES[kind][0]
            right.append(measure(program.make(f"{more} {name}", seed)) > measure(program.make(f"{less} {name}", seed)))
        out[what] = float(np.mean(right))
    wanted = [("rock", 75), ("rock", 100), ("rock", 120), ("rock", 150), ("house", 120), ("hip hop", 80), ("hip hop", 100)]
    out["bpm"] = tempi_met([(bpm, program.make(f"{genre} drums, {bpm} bpm", seed)) for genre, bpm in wanted for seed in range(n_seeds)])
    return out


def tempi_met(clips):
    """Of (bpm, clip): the shares of which the tempo is heard within 10 %, and of which it or its octave is."""
    near = [[abs(tempo(x) * octave / bpm - 1) <= 0.1 for octave in (1, 0.5, 2)] for bpm, x in clips]
    return float(np.mean([n[0] for n in near])), float(np.mean([any(n) for n in near]))


def health(clips):
    clips = np.asarray(clips)
    return {"silent": int((np.sqrt((clips ** 2).mean(1)) < 0.003).sum()), "clipped": int((np.abs(clips) >= 0.999).any(1).sum()),
            "not_finite": int((~np.isfinite(clips)).any(1).sum())}


def draw(path, kinds, names, real, made, titles):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(2, len(kinds), figsize=(1.9 * len(kinds), 4.2))
    for column, kind in enumerate(kinds):
        for row, clips in enumerate((real, made)):
            axis = axes[row][column]
            axis.imshow(log_mel([clips[column]])[0], origin="lower", aspect="auto", vmin=-7, vmax=0)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(f"{names[kind]}" if row == 0 else titles[column][:26], fontsize=7)
    axes[0][0].set_ylabel("real")
    axes[1][0].set_ylabel("made")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("program")
    parser.add_argument("--out")
    parser.add_argument("--prompts", type=int, default=6, help="made clips of each kind")
    parser.add_argument("--codec-clips", type=int, default=136)
    parser.add_argument("--seeds", type=int, default=3, help="of each pair of words")
    parser.add_argument("--listener", help="where what it has learned is kept, for another run on the same DATA")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    with open(f"{args.data}/meta.json") as file:
        about = json.load(file)
    clips, names = np.load(f"{args.data}/clips.npy", mmap_mode="r"), about["kinds"]
    kinds = np.array([names.index(c["kind"]) for c in about["clips"]])
    sound = lambda picked: np.stack([clips[i] for i in picked]).astype(np.float32) / 32768
    held, fit = (np.arange(len(clips)) % 10 == 0).nonzero()[0], (np.arange(len(clips)) % 10 != 0).nonzero()[0]
    listener = Listener(len(names))
    if args.listener and os.path.exists(args.listener):
        listener.load_state_dict(torch.load(args.listener))
        listener.eval()
    else:
        listener = train(torch.cat([log_mel(sound(fit[i:i + 64])) for i in range(0, len(fit), 64)]), torch.from_numpy(kinds[fit]), len(names))
        if args.listener:
            torch.save(listener.state_dict(), args.listener)
    figures = {"kinds": len(names), "chance": 1 / len(names), "listener_learned_from": len(fit)}

    def report(label, made, asked):
        top1, top3 = heard(listener, made, asked)
        figures[label] = {"n": len(made), "top1": float(top1.mean()), "top3": float(top3.mean()), **health(made),
                          "by_kind": {names[k]: round(float(top1[asked == k].mean()), 2) for k in sorted(set(asked.tolist()))}}
        print(label, {k: v for k, v in figures[label].items() if k != "by_kind"}, flush=True)
        print("   ", figures[label]["by_kind"], flush=True)

    real = sound(held)
    report("real", real, kinds[held])
    program = Program(args.program, args.model)
    some = held[:args.codec_clips]
    coded, codes = zip(*(program.through_codec(x) for x in sound(some)))
    coded = np.stack(coded)
    report("codec", coded, kinds[some])
    r = random.Random(3)
    asked = np.repeat(np.arange(len(names)), args.prompts)
    prompts = [captions.caption(r, {"kind": names[k], "parts": [names[k]]}, captions.HELD_OUT) for k in asked]
    made = np.stack([program.make(prompt, seed) for seed, prompt in enumerate(prompts)])
    report("made", made, asked)
    n = min(len(real), len(made), len(coded))
    figures["frechet"] = {"codec": frechet(listener, real, coded), "made": frechet(listener, real, made),
                          "real_other": frechet(listener, real, sound(fit[:len(real)]))}
    drums = (kinds == names.index("drums")).nonzero()[0]
    figures["words"] = {**measure_words(program, args.seeds),
                        "bpm_of_real_drums": tempi_met([(about["clips"][i]["bpm"], x) for i, x in zip(drums, sound(drums))])}
    all_codes = np.concatenate([c.reshape(c.shape[0], -1) for c in codes], 1)
    share = [np.bincount(book) / len(book) for book in all_codes]
    figures["codec_distance"] = {"frames": all_codes.shape[1], "perplexity": [round(float(np.exp(-(p * np.log(p + 1e-12)).sum()))) for p in share],
                                 "entries_used": [int((p > 0).sum()) for p in share],
                                 "starter": [mel_distance(coded, sound(some)), si_sdr(coded, sound(some))]}
    if shutil.which("opusenc"):
        for kbps in (6, 12):
            opus = np.stack([through_opus(x, kbps) for x in sound(some)])
            figures["codec_distance"][f"opus_{kbps}_kbps"] = [mel_distance(opus, sound(some)), si_sdr(opus, sound(some))]
    if os.path.exists(f"{args.model}/discriminator/model.safetensors"):
        judge = Discriminator()
        judge.load_state_dict(load_file(f"{args.model}/discriminator/model.safetensors"))
        with torch.no_grad():
            figures["discriminator"] = {label: float(judge.score(torch.from_numpy(x[:n])).mean()) for label, x in
                                        (("real", real), ("codec", coded), ("made", made))}
    print(json.dumps({k: figures[k] for k in figures if k not in ("real", "codec", "made")}, indent=1))
    if args.out:
        os.makedirs(args.out, exist_ok=True)
        with open(f"{args.out}/figures.json", "w") as file:
            json.dump(figures, file, indent=1)
        for part, start in enumerate(range(0, len(names), 12)):
            shown = [k for k in range(start, min(start + 12, len(names))) if (kinds[held] == k).any()]
            at = [int((asked == k).nonzero()[0][0]) for k in shown]
            draw(f"{args.out}/spectrograms-{part + 1}.png", shown, names, [real[(kinds[held] == k).nonzero()[0][0]] for k in shown],
                 [made[i] for i in at], [prompts[i] for i in at])


if __name__ == "__main__":
    main()
