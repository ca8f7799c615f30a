# SPDX-License-Identifier: MIT
"""Does the runner see what is wrong? One good case, spoilt in several ways, must never pass: test-runner.py PROBE RUN_CASE CASE_FOLDER"""
import json
import os
import shutil
import subprocess
import sys
import tempfile


def rename(case):
    case["case"] = "nonsense/one"


def unknown_tensor(case):
    case["tensors"]["nonsense"] = {"dtype": "f32", "shape": [1], "compare": "abs", "tol_abs": 1.0}


def other_shape(case):
    spec = next(spec for name, spec in case["tensors"].items() if name.endswith("_tokens"))
    spec["shape"] = [spec["shape"][0] + 1]


def other_parameter(case):
    next(run for run in case["runs"].values() if run["temperature"] > 1.0 and run["top_k"] > 5)["top_k"] = 1


def no_tolerance(case):
    for spec in case["tensors"].values():
        if spec["compare"] == "abs":
            spec["tol_abs"] = -1.0


def unknown_compare(case):
    next(iter(spec for spec in case["tensors"].values() if spec["compare"] == "abs"))["compare"] = "nonsense"


def main(probe, run_case, folder):
    wrong = 0
    for spoil, expected in [(None, 0), (rename, 2), (unknown_tensor, 2), (other_shape, 1), (other_parameter, 1),
                            (no_tolerance, 1), (unknown_compare, 1)]:
        with tempfile.TemporaryDirectory() as temporary:
            copy = os.path.join(temporary, "group", "case")
            shutil.copytree(folder, copy)
            path = os.path.join(copy, "case.json")
            with open(path, encoding="utf-8") as file:
                case = json.load(file)
            if spoil:
                spoil(case)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(case, file)
            out = os.path.join(temporary, "out.safetensors")
            found = subprocess.run([probe, copy, "--out", out]).returncode
            if found != (2 if expected == 2 else 0) or os.path.exists(out) == (expected == 2):
                print(f"{spoil}: the probe ended with {found}")
                wrong += 1
            found = subprocess.run([sys.executable, run_case, probe, copy], stdout=subprocess.DEVNULL).returncode
            if found != (expected > 0):
                print(f"{spoil}: the runner ended with {found}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
