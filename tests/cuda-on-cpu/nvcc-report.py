# SPDX-License-Identifier: MIT
"""What nvcc makes of the kernels: registers, shared memory and spills on every architecture, compared with the table that is kept.

usage: nvcc-report.py [--write] [--logs FOLDER] TABLE NVCC ENGINE-FOLDER KERNEL.cu…

Each kernel file is compiled for all architectures and PTX with the module's own flags; FOLDER keeps what ptxas -v said. No kernel may
spill more than the table says, and what it says is to be mended. The table lists each architecture and kernel with its registers, static
shared memory and spilled bytes; the CPU stand-in checks launches with it. With the CUDA version that wrote the table the numbers must be the same; another compiler may allocate others, and only what matters
is checked: the same kernels, no spills, no more than 255 registers and 48 KiB. --write makes the table anew; with --logs from what lies
in FOLDER."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)


def demangle(names):
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    short = []
    for name in text.splitlines():
        name = name.removeprefix("void ").replace("(anonymous namespace)::", "")
        depth = 0
        for i, letter in enumerate(name):
            depth += (letter == "<") - (letter == ">")
            if letter == "(" and depth == 0:
                name = name[:i]
                break
        short.append(name)
    return short


def read_logs(paths):
    """{(sm, kernel): (registers, shared bytes, spilled bytes, stack bytes)}"""
    rows, key, spilled, stack = [], None, 0, 0
    for path in paths:
        for line in open(path, encoding="utf-8"):
            if match := re.search(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", line):
                key = int(match[2]), match[1]
            elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
                stack, spilled = int(match[1]), int(match[2]) + int(match[3])
            elif (match := re.search(r"Used (\d+) registers", line)) and key:
                shared = re.search(r"(\d+) bytes smem", line)
                rows.append((key, (int(match[1]), int(shared[1]) if shared else 0, spilled, stack)))
                key = None
    names = demangle([key[1] for key, _ in rows])
    return {(key[0], name): numbers for (key, numbers), name in zip(rows, names)}


def compile_all(nvcc, engine, kernels, folder):
    """The bytes of all objects; their logs are in @folder."""
    architectures = [word for sm in ARCHITECTURES for word in ("-gencode", f"arch=compute_{sm},code=sm_{sm}")]
    newest = f"compute_{ARCHITECTURES[-1]}"

    def compile_one(kernel):
        base = f"{folder}/{os.path.basename(kernel)}"
        command = [nvcc, "-std=c++17", "-O3", "-fmad=false", "-I", engine, *architectures, "-gencode", f"arch={newest},code={newest}", "-Xptxas", "-v",
                   "-c", kernel, "-o", base + ".o"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{kernel} does not compile:\n{done.stderr}")
        with open(base + ".ptxas", "w", encoding="utf-8") as file:
            file.write(done.stderr)
        return os.path.getsize(base + ".o")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(compile_one, kernels))


def read_table(path):
    version, table = "", {}
    for line in open(path, encoding="utf-8"):
        if line.startswith("# CUDA "):
            version = line.split()[2]
        elif not line.startswith("#"):
            sm, kernel, *numbers = line.rstrip("\n").split("\t")
            table[int(sm), kernel] = tuple(map(int, numbers))
    return version, table


def write_table(path, version, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# CUDA {version}\n# sm\tkernel\tregisters\tstatic shared memory, bytes\tspilled bytes; written by nvcc-report.py --write\n")
        for (sm, kernel), (registers, shared, spilled, _) in sorted(rows.items()):
            file.write(f"{sm}\t{kernel}\t{registers}\t{shared}\t{spilled}\n")


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    n_bytes, keep = 0, None
    if arguments[0] == "--logs":
        keep, arguments = arguments[1], arguments[2:]
    table_path, nvcc, engine, *sources = arguments
    version = re.search(r"release ([0-9.]+)", subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout)[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or temporary
        if not (keep and glob.glob(f"{folder}/*.ptxas")):
            n_bytes = compile_all(nvcc, engine, sources, folder)
        rows = read_logs(sorted(glob.glob(f"{folder}/*.ptxas")))
    kernels = sorted({kernel for _, kernel in rows})
    if "--write" in sys.argv:
        write_table(table_path, version, rows)
        return 0
    table_version, table = read_table(table_path)
    failures = [f"sm_{key[0]} {key[1]} spills {spilled} bytes" for key, (_, _, spilled, _) in rows.items() if spilled > table.get(key, (0, 0, 0))[2]]
    failures += [f"sm_{sm} {kernel} is not compiled" for kernel in kernels for sm in ARCHITECTURES if (sm, kernel) not in rows]
    failures += [f"sm_{sm} {kernel}: {registers} registers, {shared} bytes" for (sm, kernel), (registers, shared, _, _) in rows.items()
                 if registers > 255 or shared > 48 * 1024]
    failures += [f"{sm} {kernel} is {'not in the table' if (sm, kernel) in rows else 'in the table only'}" for sm, kernel in rows.keys() ^ table.keys()]
    if version == table_version:
        failures += [f"sm_{key[0]} {key[1]}: {rows[key][:3]} registers, shared and spilled bytes, the table has {table[key]}"
                     for key in rows.keys() & table.keys() if rows[key][:3] != table[key]]
    most = max(rows, key=lambda key: rows[key][0])
    print(f"CUDA {version}: {len(kernels)} kernels x {len(ARCHITECTURES)} architectures; at most {rows[most][0]} registers ({most[1]}, sm_{most[0]}), "
          f"{max(numbers[1] for numbers in rows.values())} bytes of static shared memory, {max(numbers[3] for numbers in rows.values())} of stack; "
          f"the objects have {n_bytes:,} bytes")
    for (sm, kernel), (_, _, spilled, _) in sorted(rows.items()):
        if spilled:
            print(f"known: {kernel} spills {spilled} bytes on sm_{sm}")
    print("\n".join(failures))
    if failures:
        print("If the change is meant: tests/cuda-on-cpu/nvcc-report.py --write, with the same arguments.")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
