# SPDX-License-Identifier: MIT
"""Predicts the speed of MusicGen's decoder on cards that nobody here has, as a table for PERFORMANCE.md.

usage: performance-model.py COUNT-STEP MODULE

Bytes and launches are counted: COUNT-STEP (count-step.c) makes the launches of one layer, and of what stands around the layers, at the
published sizes on MODULE, the checked stand-in, which notes each distinct sector of 32 bytes that a launch touches. A step is then
    n_layers x layer + ends,   at the middle of a clip of 30 s (750 keys), with a text of 20 tokens and guidance.
The limit is these bytes over the card's published bandwidth. The prediction adds what is assumed, not measured: DRAM gives 85 % of
its bandwidth, and a node of the graph costs 2 us beyond its bytes (start, first loads, last block)."""
import json
import os
import subprocess
import sys
import tempfile

SIZES = {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}  # width, layers, heads
CARDS = {"RTX 3060": 360e9, "RTX 4090": 1008e9, "H100 SXM": 3350e9}  # bytes a second, NVIDIA's data sheets
PRECISIONS = ("f16", "int8")
KEYS, TEXT_TOKENS = 750, 20
DRAM_SHARE, NODE_SECONDS = 0.85, 2e-6


def count(program, module, what, size, precision):
    """(launches, bytes of DRAM, bytes asked of the caches)"""
    width, _, heads = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/counts.json"
        subprocess.run([program, what, str(width), str(heads), precision, str(KEYS - 1), str(TEXT_TOKENS)], check=True,
                       env={**os.environ, "CW_CUDA_MODULE": module, "CW_CUDA_ON_CPU_COUNTS": path, "CW_CUDA_ON_CPU_STRICT": "1"})
        kernels = json.load(open(path, encoding="utf-8")).values()
    return tuple(sum(kernel[a] + kernel[b] for kernel in kernels) if b else sum(kernel[a] for kernel in kernels)
                 for a, b in (("launches", None), ("dram_read", "dram_written"), ("bytes_read", "bytes_written")))


def main():
    program, module = sys.argv[1:]
    print("| | precision | launches a step | MB a step | asked of the caches, MB | " + " | ".join(CARDS) + " |")
    print("|---|---|---|---|---|" + "---|" * len(CARDS))
    for size, (_, n_layers, _) in SIZES.items():
        for precision in PRECISIONS:
            layer, ends = count(program, module, "layer", size, precision), count(program, module, "ends", size, precision)
            nodes, dram, asked = (n_layers * a + b for a, b in zip(layer, ends))
            cells = []
            for bandwidth in CARDS.values():
                limit, predicted = bandwidth / dram, 1 / (dram / (DRAM_SHARE * bandwidth) + nodes * NODE_SECONDS)
                cells.append(f"{predicted:.0f} of {limit:.0f} ({100 * predicted / limit:.0f} %)")
            print(f"| {size} | {precision} | {nodes} | {dram / 1e6:.0f} | {asked / 1e6:.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
