# SPDX-License-Identifier: MIT
"""Predicts the speed of MusicGen's decoder on cards that nobody here has, as tables for PERFORMANCE.md.

usage: performance-model.py COUNT-STEP MODULE

Bytes, arithmetic and launches are counted: COUNT-STEP (count-step.c) makes the launches of one layer, and of what stands around the layers, at
the published sizes on MODULE, the counting stand-in, which notes each distinct sector of 32 bytes that a launch touches and each operation
that a thread does. A step is then
    n_layers x layer + ends,   at the middle of a clip of 30 s (750 keys), with a text of 20 tokens and guidance.
A kernel takes the longer of what its bytes take at the card's bandwidth and what its arithmetic takes at the card's peak: of the unit that has
most to do, or of all operations at the rate at which a multiprocessor starts them. With the published numbers that is the limit; the
prediction adds what is assumed, not measured: DRAM gives 85 % of its bandwidth, and a node of the graph costs 2 us beyond (last block,
start, first loads). In those 2 us DRAM rests, unless the node asked the second-level cache for weights of the next one ("ahead", counted): then it
brings them meanwhile, and the next node's bytes take so much less. How much of the 2 us it so works through is the last assumption: nothing, which
is the prediction of a card on which asking ahead is of no use, or at most 1 us, the start and the first loads. Not in it: loads, addresses and other
integers, shuffles, barriers, occupancy, bank conflicts."""
import json
import os
import subprocess
import sys
import tempfile

SIZES = {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}  # width, layers, heads
PRECISIONS = ("f16", "int8")
KEYS, TEXT_TOKENS = 750, 20
DRAM_SHARE, NODE_SECONDS, HIDDEN_SECONDS = 0.85, 2e-6, 1e-6
AHEAD_OF_CACHE = 16  # cuda/card.c: no more is asked for than this part of the second-level cache
# NVIDIA's data sheets: bytes a second, multiprocessors, boost clock; their product with 128 multiply-adds is the published f32 peak. Double
# precision: operations a clock of a multiprocessor. The second-level cache, MiB.
CARDS = {"RTX 3060": (360e9, 28, 1.777e9, 2, 3), "RTX 4090": (1008e9, 128, 2.52e9, 2, 72), "H100 SXM": (3350e9, 132, 1.98e9, 64, 50)}
# Results a clock of a multiprocessor of 8.6, 8.9 and 9.0 (CUDA C++ Programming Guide, throughput of native arithmetic instructions; of
# conversions the slowest it has). A dp2a goes through the half of the f32 units that multiplies integers, too.
STARTED = 128
UNITS = {"f32": (128, ("f32", "fma", "divide x 8")), "compare": (64, ("compare",)), "convert": (16, ("convert",)), "special": (16, ("divide",)),
         "integer": (64, ("dp2a", "dp4a"))}
SUMS = ("launches", "dram", "asked", "ahead", "f32", "fma", "compare", "divide", "convert", "function", "f64", "dp2a", "dp4a")


def count(program, module, what, size, precision):
    """Kernel by kernel what one layer, or what stands around them, does."""
    width, _, heads = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/counts.json"
        subprocess.run([program, what, str(width), str(heads), precision, str(KEYS - 1), str(TEXT_TOKENS)], check=True,
                       env={**os.environ, "CW_CUDA_MODULE": module, "CW_CUDA_ON_CPU_COUNTS": path, "CW_CUDA_ON_CPU_STRICT": "1",
                            "CW_CUDA_ON_CPU_CACHE": str(max(card[4] for card in CARDS.values()) << 20)})
        kernels = json.load(open(path, encoding="utf-8"))
    for kernel in kernels.values():
        kernel["dram"], kernel["asked"] = kernel["dram_read"] + kernel["dram_written"], kernel["bytes_read"] + kernel["bytes_written"]
    return {name: {key: kernel[key] for key in SUMS} for name, kernel in kernels.items()}


def step(program, module, size, precision):
    """The same of a whole step."""
    kernels = {}
    for what, times in (("layer", SIZES[size][1]), ("ends", 1)):
        for name, counts in count(program, module, what, size, precision).items():
            total = kernels.setdefault(name, dict.fromkeys(SUMS, 0))
            for key in SUMS:
                total[key] += times * counts[key]
    if any(kernel["function"] for kernel in kernels.values()):
        sys.exit("a kernel of the step calls a function of libm, whose operations are not known")
    if not any(kernel["fma"] for kernel in kernels.values()):
        sys.exit(f"{module} counts no operations: the counting build is needed")
    return kernels


def flops(kernel):
    """A fused multiply-add is two."""
    return kernel["f32"] + 2 * kernel["fma"] + kernel["divide"] + kernel["f64"]


def arithmetic_seconds(kernel, card):
    """(seconds, the unit that takes them)"""
    _, n_multiprocessors, clock, f64_rate, _ = CARDS[card]
    times = {"f64": kernel["f64"] / f64_rate}
    for unit, (rate, keys) in UNITS.items():
        times[unit] = sum(kernel[key.split()[0]] * (8 if " x 8" in key else 1) for key in keys) / rate
    times["starts"] = (sum(kernel[key] for key in SUMS[4:]) + 8 * kernel["divide"]) / STARTED
    unit = max(times, key=times.get)
    return times[unit] / (n_multiprocessors * clock), unit


def hidden_seconds(kernel, card, share, most):
    """Of all launches: what DRAM brings between a launch and the next."""
    bandwidth, *_, cache = CARDS[card]
    ahead = min(kernel["ahead"] / kernel["launches"], (cache << 20) / AHEAD_OF_CACHE)
    return kernel["launches"] * min(most, ahead / (share * bandwidth))


def seconds(kernels, card, share, node_seconds, hidden):
    bandwidth = CARDS[card][0]
    return sum(max(kernel["dram"] / (share * bandwidth), arithmetic_seconds(kernel, card)[0]) + kernel["launches"] * node_seconds
               - hidden_seconds(kernel, card, share, hidden) for kernel in kernels.values())


def print_speeds(steps):
    print("| | precision | launches a step | MB a step | asked of the caches, MB | ahead, MB | GFLOP a step | dp2a a step, 10^9 | " + " | ".join(CARDS) + " |")
    print("|---|---|---|---|---|---|---|---|" + "---|" * len(CARDS))
    for (size, precision), kernels in steps.items():
        total = {key: sum(kernel[key] for kernel in kernels.values()) for key in SUMS}
        cells = []
        for card in CARDS:
            limit = 1 / seconds(kernels, card, 1, 0, 0)
            least, most = (1 / seconds(kernels, card, DRAM_SHARE, NODE_SECONDS, hidden) for hidden in (0, HIDDEN_SECONDS))
            cells.append(f"{least:.0f} to {most:.0f} of {limit:.0f} ({100 * least / limit:.0f} to {100 * most / limit:.0f} %)")
        operations = sum(flops(kernel) for kernel in kernels.values())
        print(f"| {size} | {precision} | {total['launches']} | {total['dram'] / 1e6:.0f} | {total['asked'] / 1e6:.0f} | {total['ahead'] / 1e6:.0f} | {operations / 1e9:.2f} | "
              f"{total['dp2a'] / 1e9:.2f} | " + " | ".join(cells) + " |")


def print_kernels(kernels):
    """Where a step's time goes: bytes beside arithmetic, in microseconds."""
    print("| kernel | launches | MB | GFLOP | dp2a, 10^9 | " + " | ".join(f"{card}: bytes, arithmetic (us)" for card in CARDS) + " |")
    print("|---|---|---|---|---|" + "---|" * len(CARDS))
    for name, kernel in sorted(kernels.items(), key=lambda item: -item[1]["dram"]):
        cells = []
        for card, (bandwidth, *_) in CARDS.items():
            arithmetic, unit = arithmetic_seconds(kernel, card)
            cells.append(f"{1e6 * kernel['dram'] / bandwidth:.1f}, {1e6 * arithmetic:.1f} ({unit})")
        print(f"| `{name}` | {kernel['launches']} | {kernel['dram'] / 1e6:.2f} | {flops(kernel) / 1e9:.3f} | {kernel['dp2a'] / 1e9:.3f} | "
              + " | ".join(cells) + " |")


def main():
    program, module = sys.argv[1:]
    steps = {(size, precision): step(program, module, size, precision) for size in SIZES for precision in PRECISIONS}
    print_speeds(steps)
    for key in (("small", "int8"), ("large", "f16")):
        print(f"\n{key[0]}, {key[1]}:\n")
        print_kernels(steps[key])


if __name__ == "__main__":
    main()
