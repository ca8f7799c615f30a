# SPDX-License-Identifier: MIT
"""join.py OUT IN...: one data folder of several, clips, partials and attributes one after another; the last is the one of which the end is held out."""
import json
import os
import sys

import numpy as np


def main():
    out, *folders = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    for name in ("clips", "partials"):
        parts = [np.load(f"{folder}/{name}.npy", mmap_mode="r") for folder in folders]
        joined = np.lib.format.open_memmap(f"{out}/{name}.npy", "w+", parts[0].dtype, (sum(map(len, parts)), *parts[0].shape[1:]))
        first = 0
        for part in parts:
            joined[first:first + len(part)] = part
            first += len(part)
    metas = [json.load(open(f"{folder}/meta.json")) for folder in folders]
    with open(f"{out}/meta.json", "w") as file:
        json.dump({**metas[0], "clips": [clip for meta in metas for clip in meta["clips"]]}, file)


if __name__ == "__main__":
    main()
