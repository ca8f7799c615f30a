# SPDX-License-Identifier: MIT
"""render.py OUT SOUNDFONT [--per-kind N] [--mixes N] [--seed N]: clips.npy (int16 [clip, sample]) and meta.json (attributes, captions).

Music is played by fluidsynth, effects are procedural; nothing is recorded. About half of the clips are also made loud or soft, bright
or dark, near or far, and their captions say so.
"""
import argparse
import json
import os
import random
import subprocess
import tempfile

import numpy as np
import soundfile
from scipy.signal import fftconvolve, resample_poly

import captions
import effects
import music

RATE_HZ, SECONDS = 16000, 4.0
SLOT_S = SECONDS + 1.0  # of a phrase in the rendered file: a second for the last notes to end
N_SAMPLES = int(RATE_HZ * SECONDS)
KINDS = list(music.PATTERNS) + list(music.INSTRUMENTS) + list(effects.EFFECTS)
LEVEL_DB = {"loud": (-15, -13), "soft": (-33, -30), "": (-22, -19)}
N_CAPTIONS = 10


def play(all_events, soundfont):
    """Phrases one after another through fluidsynth; [phrase, sample]."""
    late = [(i * SLOT_S + t, message) for i, events in enumerate(all_events) for t, message in events]
    late += [(i * SLOT_S + SLOT_S - 0.6, bytes([0xB0 | channel, 120, 0])) for i in range(len(all_events)) for channel in range(10)]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/a.mid", "wb") as file:
            file.write(music.midi_file(late))
        options = ["-niq", "-C", "no", "-R", "no", "-g", "0.5", "-r", "32000", "-F", f"{folder}/a.wav"]
        subprocess.run(["fluidsynth", *options, soundfont, f"{folder}/a.mid"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        samples, _ = soundfile.read(f"{folder}/a.wav", dtype="float32")
    samples = resample_poly(samples.mean(1), 1, 2)
    starts = [int(i * SLOT_S * RATE_HZ) for i in range(len(all_events))]
    return [samples[start:start + N_SAMPLES] for start in starts]


def shade(x, about, g):
    """Colour, room and level, as the attributes say; never beyond the full scale."""
    x = np.pad(x[:N_SAMPLES].astype(np.float64), (0, max(0, N_SAMPLES - len(x))))
    x -= x.mean()
    if about["colour"] == "dark":
        x = effects.band(x, 0, 900)
    elif about["colour"] == "bright":
        x = x + 4 * effects.band(x, 2500, 8000)
    if about["space"] == "far":
        n = int(1.2 * RATE_HZ)
        room = effects.band(g.standard_normal(n) * effects.decay(n, 0.3), 0, 3500)
        x = 0.25 * x + fftconvolve(x, room / np.sqrt((room ** 2).sum()))[:N_SAMPLES]
    x *= 10 ** (g.uniform(*LEVEL_DB[about["level"]]) / 20) / (np.sqrt((x ** 2).mean()) + 1e-9)
    over = np.abs(x) > 0.7
    x[over] = np.sign(x[over]) * (0.7 + 0.25 * np.tanh((np.abs(x[over]) - 0.7) / 0.25))
    x[-320:] *= np.linspace(1, 0, 320)
    return np.round(x * 32767).astype(np.int16)


def attributes(r, about):
    about["level"] = r.choice(["loud", "soft"]) if r.random() < 0.25 else ""
    about["colour"] = r.choice(["bright", "dark"]) if r.random() < 0.25 else ""
    about["space"] = r.choice(["near", "far", "far"]) if r.random() < 0.2 else ""
    return about


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("soundfont")
    parser.add_argument("--per-kind", type=int, default=60)
    parser.add_argument("--mixes", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    r = random.Random(args.seed)
    jobs = [kind for kind in KINDS for _ in range(args.per_kind)] + ["mix"] * args.mixes
    r.shuffle(jobs)
    clips = np.lib.format.open_memmap(f"{args.out}/clips.npy", "w+", np.int16, (len(jobs), N_SAMPLES))
    meta = [None] * len(jobs)
    waiting = []

    def flush():
        for (job, about, g, _), samples in zip(waiting, play([w[3] for w in waiting], args.soundfont)):
            clips[job] = shade(samples, about, g)
        waiting.clear()

    for job, kind in enumerate(jobs):
        g = np.random.default_rng([args.seed, job])
        if kind in effects.EFFECTS:
            about = attributes(r, {"kind": kind, "parts": [kind], "pace": r.choice(["slow", "fast"])})
            clips[job] = shade(effects.EFFECTS[kind](g, N_SAMPLES, about["pace"]), about, g)
        else:
            events, about = music.make(r, kind, SECONDS)
            attributes(r, about)
            if kind == "pluck":
                clips[job] = shade(effects.pluck(events, N_SAMPLES), about, g)
            else:
                waiting.append((job, about, g, events))
        meta[job] = about
        about["captions"] = sorted({captions.caption(r, about) for _ in range(N_CAPTIONS)})
        if len(waiting) == 100:
            flush()
            print(job + 1, "of", len(jobs), flush=True)
    if waiting:
        flush()
    clips.flush()
    with open(f"{args.out}/meta.json", "w") as file:
        json.dump({"kinds": KINDS, "rate_hz": RATE_HZ, "clips": meta}, file)
    print(len(jobs), "clips", flush=True)


if __name__ == "__main__":
    main()
