# SPDX-License-Identifier: MIT
"""plot.py RUN OUT.png: the losses that train_codec.py and train_lm.py logged."""
import json
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def read(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file]


def main():
    run, out = sys.argv[1:3]
    rows = read(f"{run}/codec-log.jsonl") + read(f"{run}/lm-log.jsonl")
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    figure, axes = plt.subplots(1, len(stages), figsize=(5 * len(stages), 3.6), squeeze=False)
    for axis, stage in zip(axes[0], stages):
        mine = [row for row in rows if row["stage"] == stage]
        for name in dict.fromkeys(k for row in mine for k, v in row.items() if k not in ("stage", "step") and isinstance(v, float)):
            points = [(row["step"], row[name]) for row in mine if name in row]
            axis.plot(*zip(*points), label=name, marker="." if len(points) < 20 else None)
        axis.set_title(stage)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=80)


if __name__ == "__main__":
    main()
