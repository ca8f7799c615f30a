# SPDX-License-Identifier: MIT
"""Plants faults in kernels, one at a time, and expects each to be caught.

usage: plant-faults.py FAULTS SOURCE [--only N] --object COMMAND… --link COMMAND… --run COMMAND…

Each fault of the file FAULTS is made in a copy of SOURCE, and so is one more for every __syncthreads () in it, which is deleted. COMMANDs
are run with @SOURCE@ (the copy), @OBJECT@ and @PROGRAM@ put in. A fault is caught when the run ends badly and names one of the findings
that the fault expects ("values": the test itself saw wrong numbers). Without a fault the run must be clean."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile


def read_faults(path):
    faults, name, parts = [], "", {}
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line[:2] in ("< ", "> ", "= "):
            parts[line[0]] = line[2:].replace("\\n", "\n")
            if line[0] == "=":
                faults.append((name, parts["<"], parts[">"], set(parts["="].split())))
        elif line and not line.startswith("#"):
            name, parts = line, {}
    return faults


def mutants(source, faults):
    for match in re.finditer(r"__syncthreads \(\);", source):
        line = source.count("\n", 0, match.start()) + 1
        yield f"no barrier in line {line}", source[:match.start()] + ";" + source[match.end():], {"RACE", "UNINITIALISED"}
    for name, old, new, expected in faults:
        if old not in source:
            sys.exit(f"{name}: the source has no “{old}”")
        yield name, source.replace(old, new, 1), expected


def options(arguments):
    commands, current = {"--object": [], "--link": [], "--run": [], "": []}, ""
    for argument in arguments:
        if argument in commands:
            current = argument
        else:
            commands[current].append(argument)
    return commands


def outcome(commands, folder, number, text):
    """(exit status, what was found, all output) of one mutant; None for the status when it does not compile."""
    names = {"@SOURCE@": f"{folder}/{number}.cu", "@OBJECT@": f"{folder}/{number}.o", "@PROGRAM@": f"{folder}/{number}"}
    with open(names["@SOURCE@"], "w", encoding="utf-8") as file:
        file.write(text)
    for step in ("--object", "--link", "--run"):
        command = [names.get(word, word.replace("@PROGRAM@", names["@PROGRAM@"])) for word in commands[step]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120 if step == "--run" else 600)
        except subprocess.TimeoutExpired:
            return 1, {"HANG"}, "took more than 120 s"
        output = done.stdout + done.stderr
        if done.returncode and step != "--run":
            return None, set(), output
    found = set(re.findall(r"^cuda-on-cpu: ([A-Z-]+):", output, re.M))
    if re.search(r"^FAIL", output, re.M):
        found.add("values")
    return done.returncode, found, output


def main():
    commands = options(sys.argv[1:])
    plain = commands[""]
    only = int(plain[plain.index("--only") + 1]) if "--only" in plain else None
    source = open(plain[1], encoding="utf-8").read()
    todo = [("no fault", source, set())] + list(mutants(source, read_faults(plain[0])))
    failures = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(i, name, expected, pool.submit(outcome, commands, folder, i, text))
                for i, (name, text, expected) in enumerate(todo) if only is None or i == only]
        for i, name, expected, job in jobs:
            status, found, output = job.result()
            good = status == 0 and not found if i == 0 else status not in (0, None) and bool(found & expected)
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {i:2} {name}: {' '.join(sorted(found)) or 'nothing found'}"
                  + ("" if good else f" (expected {' or '.join(sorted(expected)) or 'nothing'}, status {status})\n{output[-2000:]}"), flush=True)
    print(f"{len(jobs)} mutants, {failures} not caught as expected")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
