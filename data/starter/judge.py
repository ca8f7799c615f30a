# SPDX-License-Identifier: MIT
"""judge.py DATA MODEL PROGRAM [--out FOLDER]: does the starter model make what its prompt says?

A small convolutional network learns the 24 kinds of sound from real renderings (DATA, made by train/gen_data.py; the last
5 % of them, which neither it nor the model was trained on, test it). It then hears clips that PROGRAM makes with MODEL from
captions of that last part. Printed: its own accuracy, the same for real clips through the codec alone, and for made clips,
top-1 and top-3, with chance for scale; silent, clipped and broken clips; each kind on its own. With --out also a picture of
spectrograms, real above made.
"""
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np
import soundfile
import torch
import torch.nn.functional as F

RATE_HZ, N_MELS, HOP = 16000, 64, 640


def log_mel(samples):
    import torchaudio
    mel = torchaudio.transforms.MelSpectrogram(RATE_HZ, 1024, hop_length=HOP, n_mels=N_MELS)
    return (mel(samples) + 1e-6).log()


class Listener(torch.nn.Module):
    def __init__(self, n_kinds):
        super().__init__()
        widths = [1, 16, 32, 48, 64]
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:]))
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(b) for b in widths[1:])
        self.out = torch.nn.Linear(2 * widths[-1], n_kinds)

    def forward(self, x):  # [batch, mels, frames]
        x = ((x + 6.0) / 4.0)[:, None]
        for layer, norm in zip(self.layers, self.norms):
            x = F.max_pool2d(F.relu(norm(layer(x))), 2)
        return self.out(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


def train(mels, kinds, n_kinds, n_epochs=6):
    listener = Listener(n_kinds)
    n_steps = n_epochs * (len(mels) // 32)
    optimizer = torch.optim.AdamW(listener.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, n_steps)
    for step in range(n_steps):
        pick = torch.randint(len(mels), (32,))
        x = mels[pick].clone()
        for row in x:  # so that it listens to the sound, not to one band or its level
            band = int(torch.randint(N_MELS - 8, ()))
            row[band:band + int(torch.randint(8, ()))] = -6.0
        x = torch.roll(x, int(torch.randint(100, ())), 2) + torch.randn(32, 1, 1)
        loss = F.cross_entropy(listener(x), kinds[pick], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return listener.eval()


@torch.no_grad()
def agreement(listener, mels, kinds):
    ranks = listener(mels).topk(3, 1).indices == kinds[:, None]
    return ranks[:, 0].float(), ranks.any(1).float()


def run(program, *arguments):
    subprocess.run([program, arguments[0], "--quiet", *arguments[1:]], check=True)


def through_codec(program, model, clips, folder):
    out = []
    for samples in clips:
        soundfile.write(f"{folder}/in.wav", samples, RATE_HZ, subtype="PCM_16")
        run(program, "encode", f"{folder}/in.wav", "-o", f"{folder}/codes", "-m", model)
        run(program, "decode", f"{folder}/codes", "-o", f"{folder}/out.wav", "-m", model)
        out.append(soundfile.read(f"{folder}/out.wav", dtype="float32")[0])
    return np.stack(out)


def make(program, model, prompts, folder):
    out = []
    for seed, prompt in enumerate(prompts):
        run(program, "generate", "-m", model, "--seed", str(seed), "-o", f"{folder}/out.wav", "--", prompt)
        out.append(soundfile.read(f"{folder}/out.wav", dtype="float32")[0])
    return np.stack(out)


def draw(path, kinds, names, real, made, prompts):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    shown = [names.index(n) for n in ("drums", "bass", "piano", "flute", "rain", "siren", "birds", "knock") if n in names]
    figure, axes = plt.subplots(2, len(shown), figsize=(2.4 * len(shown), 5))
    for column, kind in enumerate(shown):
        at = int((kinds == kind).nonzero()[0])
        for row, clips in enumerate((real, made)):
            axes[row][column].imshow(log_mel(torch.from_numpy(clips[at]))[None][0], origin="lower", aspect="auto", vmin=-10, vmax=4)
            axes[row][column].set_xticks([])
            axes[row][column].set_yticks([])
            axes[row][column].set_title(names[kind] + " (real)" if row == 0 else prompts[at][:28], fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("program")
    parser.add_argument("--out")
    parser.add_argument("--per-kind", type=int, default=6, help="made clips of each kind")
    args = parser.parse_args()
    torch.manual_seed(1)
    np.random.seed(1)
    about = json.load(open(f"{args.data}/meta.json"))
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")
    names = about["classes"]
    n_train = int(len(clips) * 0.95)
    single = [i for i, m in enumerate(about["meta"]) if m["cls"] in names]
    kind_of = lambda indices: torch.tensor([names.index(about["meta"][i]["cls"]) for i in indices])
    sound_of = lambda indices: np.stack([clips[i] for i in indices]).astype(np.float32) / 32768
    fit, held = [i for i in single if i < n_train], [i for i in single if i >= n_train]
    mels = torch.cat([log_mel(torch.from_numpy(sound_of(fit[a:a + 64]))) for a in range(0, len(fit), 64)])
    listener = train(mels, kind_of(fit), len(names))

    real = sound_of(held)
    # captions of the held-out part, as many of each kind; a kind that has few gives several of each
    chosen = []
    for name in names:
        mine = [i for i in held if about["meta"][i]["cls"] == name]
        chosen += [(mine[k % len(mine)], k // len(mine)) for k in range(args.per_kind if mine else 0)]
    prompts = [about["meta"][i]["captions"][(3 * k) % len(about["meta"][i]["captions"])] for i, k in chosen]
    with tempfile.TemporaryDirectory() as folder:
        coded = through_codec(args.program, args.model, real, folder)
        made = make(args.program, args.model, prompts, folder)
    asked = kind_of([i for i, _ in chosen])
    print(f"chance {1 / len(names):.3f} of {len(names)} kinds; listener trained on {len(fit)} clips")
    for label, sound, kinds in (("real", real, kind_of(held)), ("codec", coded, kind_of(held)), ("made", made, asked)):
        top1, top3 = agreement(listener, log_mel(torch.from_numpy(sound)), kinds)
        rms = np.sqrt((sound ** 2).mean(1))
        print(f"{label:6} n {len(sound):4} top-1 {top1.mean():.3f} top-3 {top3.mean():.3f} silent {(rms < 0.003).sum()} "
              f"clipped {(np.abs(sound) >= 0.999).any(1).sum()} not finite {(~np.isfinite(sound)).any(1).sum()}")
        if label == "made":
            print("  " + ", ".join(f"{names[k]} {top1[kinds == k].mean():.2f}" for k in sorted(set(kinds.tolist()))))
    if args.out:
        os.makedirs(args.out, exist_ok=True)
        order = [int((kind_of(held) == k).nonzero()[0]) for k in asked.tolist()]
        draw(f"{args.out}/spectrograms.png", asked, names, real[order], made, prompts)


if __name__ == "__main__":
    main()
