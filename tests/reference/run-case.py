# SPDX-License-Identifier: MIT
"""Runs the probe on one case folder and compares every tensor with the case's own tolerance.

    run-case.py PROBE CASE_FOLDER [ARGUMENTS FOR THE PROBE...]

Exit 0: all tensors agree; 1: some do not, each named with the largest difference; 77: there is no such folder (meson: skipped).
"""
import array
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

TYPES = {"F32": "f", "I64": "q"}
NAMES = {"f32": "F32", "i64": "I64"}


def read_safetensors(path):
    """name -> (type, shape, values)"""
    with open(path, "rb") as file:
        data = file.read()
    (n,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = array.array(TYPES[entry["dtype"]])
        values.frombytes(data[8 + n + begin:8 + n + end])
        tensors[name] = entry["dtype"], entry["shape"], values
    return tensors


def difference(found, expected, spec):
    """What is wrong with one tensor, in words; None when it agrees."""
    dtype, shape, values = found
    if dtype != NAMES[spec["dtype"]] or shape != spec["shape"] or len(values) != math.prod(shape):
        return f"is {dtype} {shape}, {spec['dtype']} {spec['shape']} was expected"
    pairs = list(zip(values, expected[2]))
    if len(pairs) != len(expected[2]):
        return f"has {len(values)} values, {len(expected[2])} were expected"
    if spec["compare"] == "exact":
        wrong = [i for i, (a, b) in enumerate(pairs) if a != b]
        return wrong and f"differs in {len(wrong)} of {len(pairs)} values, first at {wrong[0]}: {pairs[wrong[0]]}" or None
    if spec["compare"] != "abs":
        return f"is to be compared by “{spec['compare']}”, which is unknown"
    # written so that a NaN is wrong
    wrong = [i for i, (a, b) in enumerate(pairs) if not abs(a - b) <= spec["tol_abs"]]
    if not wrong:
        return None
    worst = max(wrong, key=lambda i: abs(pairs[i][0] - pairs[i][1]))
    return (f"differs by more than {spec['tol_abs']} in {len(wrong)} of {len(pairs)} values, "
            f"worst at {worst}: {pairs[worst]}")


def compare_tensors(folder, found):
    with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
        specs = json.load(file)["tensors"]
    expected = read_safetensors(os.path.join(folder, "reference.safetensors"))
    for name, spec in specs.items():
        if spec["compare"] == "input":
            continue
        yield name, difference(found[name], expected[name], spec) if name in found else "is missing"


def compare_ids(folder, found):
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    for i, case in enumerate(cases):
        ids = found.get(f"ids_{i}", (None, None, []))[2]
        yield f"ids_{i}", None if list(ids) == case["ids"] else f"of {case['text']!r} are {list(ids)}, not {case['ids']}"


def main(probe, folder, *arguments):
    if not os.path.isdir(folder):
        print(f"“{folder}” is not there")
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        out = os.path.join(temporary, "out.safetensors")
        status = subprocess.run([probe, folder, "--out", out, *arguments], timeout=600).returncode
        if status != 0:
            print(f"the probe ended with {status}")
            return 1
        found = read_safetensors(out)
    strings = os.path.exists(os.path.join(folder, "cases.json")) and not os.path.exists(os.path.join(folder, "case.json"))
    results = list((compare_ids if strings else compare_tensors)(folder, found))
    wrong = [(name, words) for name, words in results if words]
    for name, words in wrong:
        print(f"{name} {words}")
    print(f"{len(results) - len(wrong)} of {len(results)} tensors agree")
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
