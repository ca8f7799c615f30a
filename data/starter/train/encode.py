# SPDX-License-Identifier: MIT
"""encode.py DATA RUN [--variants N] [--encoder]: RUN/codes.npy, uint16 [clip, variant, book, frame], which the language model learns.

By DATA/partials.npy and RUN/codec.pt's codebooks, so the language model need not wait for the encoder: what is steady is held (held.py). The first
variant is the clip, the others are the same a semitone or two higher or lower: no caption tells the key, and the model must not
learn the clips by heart. With --encoder the codes are those of the codec's encoder, of the clip as it is.
"""
import argparse
import json

import numpy as np
import torch

import codec
import held
import parallel
from partials import N_TONES

SHIFTS = (-2, -1, 1, 2)  # semitones
AT_A_TIME = 16


def transposed(latents, semitones):
    """[..., WIDTH] -> the same; what leaves the tones at one end is lost."""
    out = latents.copy()
    tones = out[..., :N_TONES]
    tones[:] = np.roll(tones, semitones, -1)
    tones[..., slice(0, semitones) if semitones >= 0 else slice(semitones, None)] = 0
    return out


@torch.no_grad()
def codes_of(model, steady, live):
    """[clip, frame, WIDTH] twice -> codes [clip, book, frame]: of what is held by all books but the last, which adds what the noise does meanwhile."""
    books = [layer.codebook for layer in model.quantizer.layers]
    a, b = (torch.from_numpy(x).reshape(-1, codec.WIDTH) for x in (steady, live))
    total, codes = codec.nearest_sum(books[:-1], a)
    codes.append(codec.nearest_entry(b - total, books[-1].embed))
    return torch.stack(codes).view(len(books), len(steady), -1).transpose(0, 1)


def by_partials(model, args, at, random):
    """[clip, variant, book, frame] of the clips `at`."""
    latents = np.load(f"{args.data}/partials.npy", mmap_mode="r")[at].astype(np.float32)
    steady, live = held.steady_and_live(latents, args.abouts[at])
    shifts = [0] + list(random.permutation(SHIFTS))[:args.variants - 1]
    return torch.stack([codes_of(model, transposed(steady, shift), transposed(live, shift)) for shift in shifts], 1)


def by_encoder(model, args, at, random):
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")[at].astype(np.float32) / 32768
    return codec.encode(model, torch.from_numpy(clips)[:, None])[:, None]


def work(args, team):
    model = codec.load(f"{args.run}/codec.pt")
    with open(f"{args.data}/meta.json") as file:
        args.abouts = json.load(file)["clips"]
    n = len(args.abouts)
    codes = torch.zeros(n, args.variants, codec.BOOKS, np.load(f"{args.data}/clips.npy", mmap_mode="r").shape[1] // codec.HOP, dtype=torch.int32)
    for first in range(team.process * AT_A_TIME, n, team.n_processes * AT_A_TIME):
        at = slice(first, first + AT_A_TIME)
        codes[at] = (by_encoder if args.encoder else by_partials)(model, args, at, np.random.default_rng([args.seed, first])).int()
    team.sum(codes)
    if team.process == 0:
        np.save(f"{args.run}/codes.npy", codes.numpy().astype(np.uint16))
        print("codes", tuple(codes.shape), "entries used", [len(torch.unique(codes[:, :, k])) for k in range(codec.BOOKS)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("run")
    parser.add_argument("--variants", type=int, default=3, help="of each clip, 1 to 5")
    parser.add_argument("--encoder", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.variants = 1 if args.encoder else args.variants
    parallel.run(work, args, args.processes)


if __name__ == "__main__":
    main()
