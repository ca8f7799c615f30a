# SPDX-License-Identifier: MIT
"""partials.py DATA: DATA/partials.npy, what the codec keeps of each clip: float16 [clip, frame, N_TONES + N_BANDS], log amplitudes.

Sinusoids plus noise (Serra & Smith 1990), on a fixed grid: the peaks that stand out of a spectrum become partials at the nearest semitone, what
is left the noise of 36 bands. No phases are kept, so a steady sound has steady codes, which a small language model can learn.
"""
import argparse
import math

import numpy as np
import torch
from scipy.ndimage import median_filter

import parallel
from codec import HOP, RATE_HZ, evenly_in_mel

CENTRE = 128  # sample of a frame's hop on which its windows lie: where EnCodec's decoder puts the middle of a frame's kernel
TONES_HZ = 440 * 2.0 ** ((np.arange(28, 120) - 69) / 12)
N_TONES, N_BANDS = len(TONES_HZ), 36
FLOOR = 1e-4  # amplitude that counts as nothing: 80 dB below full scale
SHORT = 2 * HOP
WINDOWS = ((4096, 0, 250), (2048, 250, 1500), (1024, 1500, 8000))  # samples, and the Hz in which peaks are looked for with them
PROMINENCE_DB, FULL_DB = 9, 15  # over the median around it: below, a peak is noise; above, a partial
PER_SINE = 1.5  # the sum of squares of a Hann-windowed spectrum for a sine that peaks at 1
LEAST_NOISE = 0.02  # of a band's energy


EDGES_HZ = evenly_in_mel(20, RATE_HZ / 2, N_BANDS + 1)


def spectrum(x, n):
    """[bin, frame]; a sine of amplitude a peaks at a."""
    padded = torch.nn.functional.pad(x[None], (n // 2 - CENTRE, n // 2 + CENTRE))
    s = torch.stft(padded, n, HOP, n, torch.hann_window(n) * 2 / n, center=False, return_complex=True).abs()
    return s[0, :, :len(x) // HOP].numpy()


def band_energies(x):
    """[frame, band]."""
    s, hz = spectrum(x, SHORT) ** 2, np.arange(SHORT // 2 + 1) * RATE_HZ / SHORT
    out = []
    for low, high in zip(EDGES_HZ, EDGES_HZ[1:]):
        inside = (hz >= low) & (hz < high)
        out.append(s[inside].sum(0) if inside.any() else s[np.argmin(abs(hz - (low + high) / 2))] * (high - low) * SHORT / RATE_HZ)
    return np.stack(out, 1)


def median_over_bins(s, n):
    return np.stack([median_filter(frame, n, mode="nearest") for frame in np.ascontiguousarray(s.T)], 1)


def peaks(s, low_hz, high_hz, hz_per_bin):
    """(frame, Hz, amplitude, how much it is a partial: 0 to 1) of each local maximum, by a parabola through its logarithms."""
    n_around = max(9, int(300 / hz_per_bin)) | 1
    s = s[:min(len(s), math.ceil(high_hz / hz_per_bin) + n_around)]
    around = median_over_bins(s, n_around)
    first, last = max(2, int(low_hz / hz_per_bin)), min(len(s) - 2, math.ceil(high_hz / hz_per_bin))
    left, middle, right = s[first - 1:last - 1], s[first:last], s[first + 1:last + 1]
    i, frame = np.nonzero((middle > left) & (middle >= right) & (middle > 3e-5))
    a, b, c = (np.log(v[i, frame] + 1e-9) for v in (left, middle, right))
    offset = np.clip(0.5 * (a - c) / (a - 2 * b + c - 1e-9), -0.5, 0.5)
    hz, amplitude = (i + first + offset) * hz_per_bin, np.exp(b - 0.25 * (a - c) * offset)
    above_db = 20 * np.log10(amplitude / (around[i + first, frame] + 1e-9))
    inside = (hz >= low_hz) & (hz < high_hz) & (hz > TONES_HZ[0] * 0.97) & (hz < TONES_HZ[-1] * 1.03)
    return frame[inside], hz[inside], amplitude[inside], np.clip((above_db[inside] - PROMINENCE_DB) / (FULL_DB - PROMINENCE_DB), 0, 1)


def amplitudes(x):
    """x [sample] -> [frame, N_TONES + N_BANDS]: of a sine at each tone, and of the sine that has the energy of a band's noise."""
    x = torch.from_numpy(np.asarray(x, np.float32))
    energy = band_energies(x)
    tones, explained = np.zeros((len(energy), N_TONES)), np.zeros_like(energy)
    for n, low_hz, high_hz in WINDOWS:
        frame, hz, amplitude, share = peaks(spectrum(x, n), low_hz, high_hz, RATE_HZ / n)
        smear = np.hanning(n // HOP + 3)[1:-1]  # a long window smears an attack: the band's energy in the short one says where it was
        smeared = np.stack([np.convolve(band, smear / smear.sum(), "same") for band in energy.T], 1)
        attack = np.sqrt(np.clip((energy + 1e-12) / (smeared + 1e-12), 0, 2.5))
        tone = np.clip(np.round(12 * np.log2(hz / TONES_HZ[0])).astype(int), 0, N_TONES - 1)
        band = np.clip(np.searchsorted(EDGES_HZ, hz) - 1, 0, N_BANDS - 1)
        power = (amplitude * share * attack[frame, band]) ** 2
        np.add.at(tones, (frame, tone), power)
        np.add.at(explained, (frame, band), power)
    noise = np.maximum(energy / PER_SINE - explained, LEAST_NOISE * energy / PER_SINE)
    return np.sqrt(np.concatenate([tones, noise], 1))


def logarithms(amplitude):
    """What the latents are: 0 at FLOOR and below."""
    return np.log(amplitude / FLOOR + 1)


def louder(latents, db):
    """The latents of the same sound, `db` louder."""
    return np.log(np.expm1(latents) * 10 ** (db / 20) + 1)


def work(args, team):
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")
    out = torch.zeros(len(clips), clips.shape[1] // HOP, N_TONES + N_BANDS)
    for i in range(team.process, len(clips), team.n_processes):
        out[i] = torch.from_numpy(logarithms(amplitudes(clips[i].astype(np.float32) / 32768)))
    team.sum(out)
    if team.process == 0:
        np.save(f"{args.data}/partials.npy", out.numpy().astype(np.float16))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    parallel.run(work, args, args.processes)


if __name__ == "__main__":
    main()
