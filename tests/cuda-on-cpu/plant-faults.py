# SPDX-License-Identifier: MIT
"""Plants faults in kernels, one at a time, and expects each to be caught.

usage: plant-faults.py ROOT FAULTS [--only N] --object COMMAND… --link COMMAND… --run COMMAND…

FAULTS names sources ("@ FILE", from ROOT; "@ HEADER FILE" plants in the header and compiles the file) and faults in them, each made in a
copy of its source. Every __syncthreads () of a source is one more, which is deleted, but for those that FAULTS calls "harmless: ". COMMANDs are run with @SOURCE@ (what is compiled),
@FOLDER@ (the changed header lies there under its path in the engine), @OBJECT@ and @PROGRAM@ put in. A fault is caught when the run ends
badly and names one of the findings that the fault expects ("values": the test itself saw wrong numbers). Without a fault the run must be
clean."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

STEPS = ("--object", "--link", "--run")


class Fault:
    """A text in place of that of @file; @compiled is the .cu it is compiled in."""

    def __init__(self, name, file, compiled, text, expected):
        self.name, self.file, self.compiled, self.text, self.expected = name, file, compiled, text, expected


def without_barriers(file, compiled, source):
    for match in re.finditer(r"__syncthreads \(\);", source):
        before = source[:match.start()].rstrip().rsplit("\n", 1)[-1].strip()
        yield Fault(f"no barrier behind “{before}” in {os.path.basename(file)}", file, compiled,
                    source[:match.start()] + ";" + source[match.end():], {"RACE", "UNINITIALISED"})


def read_faults(root, path):
    faults, name, parts, file, compiled, source, harmless = [], "", {}, "", "", "", set()
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("@ "):
            file, compiled = line[2:].split() * 2 if " " not in line[2:] else line[2:].split()
            source = open(f"{root}/{file}", encoding="utf-8").read()
            if not faults:
                faults.append(Fault("no fault", file, compiled, source, set()))
            faults += without_barriers(file, compiled, source)
        elif line.startswith("harmless: "):
            harmless.add(line[10:])
        elif line[:2] in ("< ", "> ", "= "):
            parts[line[0]] = line[2:].replace("\\n", "\n")
            if line[0] == "=":
                if parts["<"] not in source:
                    sys.exit(f"{name}: {file} has no “{parts['<']}”")
                faults.append(Fault(name, file, compiled, source.replace(parts["<"], parts[">"], 1), set(parts["="].split())))
        elif line and not line.startswith("#"):
            name, parts = line, {}
    return [fault for fault in faults if fault.name not in harmless]


def options(arguments):
    commands, current = {step: [] for step in ("",) + STEPS}, ""
    for argument in arguments:
        if argument in STEPS:
            current = argument
        else:
            commands[current].append(argument)
    return commands


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def outcome(commands, root, folder, fault):
    """(exit status, what was found, all output) of one fault; None for the status when it does not compile."""
    copy = f"{folder}/{fault.file.removeprefix('engine/')}"
    write(copy, fault.text)
    names = {"@SOURCE@": copy if fault.file == fault.compiled else f"{root}/{fault.compiled}", "@FOLDER@": folder,
             "@OBJECT@": f"{folder}/object.o", "@PROGRAM@": f"{folder}/program"}
    for step in STEPS:
        command = [re.sub("@[A-Z]+@", lambda m: names.get(m[0], m[0]), word) for word in commands[step]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300 if step == "--run" else 900,
                                  env={**os.environ, "CW_CUDA_MODULE": names["@PROGRAM@"]})
        except subprocess.TimeoutExpired:
            return 1, {"HANG"}, "took more than 300 s"
        output = done.stdout + done.stderr
        if done.returncode and step != "--run":
            return None, set(), output
    found = set(re.findall(r"^cuda-on-cpu: ([A-Z-]+):", output, re.M))
    if done.returncode and (re.search(r"^FAIL", output, re.M) or not found):
        found.add("values")
    return done.returncode, found, output


def main():
    commands = options(sys.argv[1:])
    root, faults_file = commands[""][:2]
    only = int(commands[""][3]) if len(commands[""]) > 2 else None
    faults = read_faults(root, faults_file)
    failures = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(i, fault, pool.submit(outcome, commands, root, f"{folder}/{i}", fault))
                for i, fault in enumerate(faults) if only is None or i == only]
        for i, fault, job in jobs:
            status, found, output = job.result()
            good = status not in (0, None) and bool(found & fault.expected) if fault.expected else status == 0 and not found
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {i:2} {fault.name}: {' '.join(sorted(found)) or 'nothing found'}"
                  + ("" if good else f" (expected {' or '.join(sorted(fault.expected)) or 'nothing'}, status {status})\n{output[-2000:]}"),
                  flush=True)
    print(f"{len(jobs)} faults, {failures} not caught as expected")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
