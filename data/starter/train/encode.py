# SPDX-License-Identifier: MIT
"""encode.py DATA RUN [--clips N]: RUN/codes.npy, the codes of the first N clips (all of them without --clips), uint16 [clip, book, frame]."""
import argparse

import numpy as np
import torch

import codec
import parallel


def work(args, team):
    model = codec.load(f"{args.run}/codec.pt")
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")
    n = min(args.clips or len(clips), len(clips))
    codes = torch.zeros(n, codec.BOOKS, clips.shape[1] // codec.HOP, dtype=torch.int32)
    for at in range(team.process * 16, n, team.n_processes * 16):
        sound = torch.from_numpy(clips[at:min(at + 16, n)].astype(np.float32) / 32768)[:, None]
        codes[at:at + 16] = codec.encode(model, sound).int()
    team.sum(codes)
    if team.process == 0:
        np.save(f"{args.run}/codes.npy", codes.numpy().astype(np.uint16))
        used = [len(torch.unique(codes[:, k])) for k in range(codec.BOOKS)]
        print("codes", tuple(codes.shape), "entries used", used)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("run")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    parallel.run(work, args, args.processes)


if __name__ == "__main__":
    main()
