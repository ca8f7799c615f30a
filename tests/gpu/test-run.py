# SPDX-License-Identifier: MIT
"""What can be had of tests/gpu/run without a GPU: its steps run in order, failures and missing tools are told apart, the report says so.
The programs it calls are stand-ins that this test writes.

usage: test-run.py RUN
       test-run.py RUN BUILD MODULE    the programs of BUILD, with the kernels' stand-in MODULE for the card"""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile

run = sys.argv[1]


def program(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)


BENCH = {"precision": "f16", "device": "RTX", "steps_per_s": 312.5, "bandwidth_fraction": 0.62, "read_bandwidth": 900e9, "first_sound_s": 0.125,
         "times_real_time": 5.5, "launches_per_step": 196}


def report_of(folder, conformance_status, notice="", card="smi", bench=None):
    """@card: "smi" (the driver shows it), "pci" (only the bus does) or "none"."""
    build, tools = f"{folder}/build", f"{folder}/tools"
    with open(f"{folder}/bench.json", "w", encoding="utf-8") as file:
        json.dump({**BENCH, **(bench or {})}, file)
    os.makedirs(f"{folder}/pci/0000:01:00.0")
    for name, text in (("vendor", "0x10de" if card == "pci" else "0x8086"), ("class", "0x030000")):
        with open(f"{folder}/pci/0000:01:00.0/{name}", "w", encoding="utf-8") as file:
            file.write(text + "\n")
    program(f"{build}/app/clipwright", 'echo "$*" >> "$CW_TEST_CALLS"\n'
            f'case "$1" in generate) echo "{{\\"notices\\": [$CW_TEST_NOTICE]}}" ;; bench) cat {folder}/bench.json ;; *) echo "did $1" ;; esac\n')
    program(f"{build}/tests/cuda/test-cuda-conformance", f"[ {conformance_status} = 0 ] || echo FAIL: embed; exit {conformance_status}\n")
    program(f"{build}/tests/clipwright-probe", "exit 0\n")
    open(f"{build}/build.ninja", "w").close()
    for tool in ("meson", "ninja", "nvcc"):
        program(f"{tools}/{tool}", "echo built\n")
    shown = "GPU 0: RTX (UUID: GPU-1)" if card == "smi" else "No devices were found"
    program(f"{tools}/nvidia-smi", f'case "$*" in *memory.used*) echo 100 ;; -L) echo "{shown}" ;; *) echo "name, RTX" ;; esac\n')
    program(f"{tools}/python3", 'case "$1" in *list-cases.py) echo one ;; -c | -) exec /usr/bin/python3 "$@" ;; *) exit 0 ;; esac\n')
    calls = f"{folder}/calls"
    environment = {**os.environ, "PATH": f"{tools}:/usr/bin:/bin", "CW_GPU_BUILD": build, "CW_TEST_CALLS": calls, "CW_TEST_NOTICE": notice, "CUDA_HOME": folder,
                   "CW_PCI_DEVICES": f"{folder}/pci"}
    done = subprocess.run([run, "-o", f"{folder}/report.md", "-s", "1", f"{folder}/model"], capture_output=True, text=True, timeout=100,
                          env=environment, cwd=folder)
    return done.returncode, open(f"{folder}/report.md", encoding="utf-8").read(), open(calls, encoding="utf-8").read()


def rehearse(build, module):
    with tempfile.TemporaryDirectory() as folder:
        for tool in ("meson", "ninja", "nvcc"):
            program(f"{folder}/tools/{tool}", "echo built\n")
        environment = {**os.environ, "PATH": f"{folder}/tools:{os.environ['PATH']}", "CW_GPU_BUILD": build, "CW_GPU_DEVICE": "cuda-on-cpu",
                       "CW_CUDA_MODULE": module, "CUDA_HOME": folder, "CW_GPU_BENCH_S": "0.2"}
        subprocess.run([run, "-o", f"{folder}/report.md", "-k", "doctor|conformance|benchmark"], capture_output=True, timeout=500, env=environment,
                       cwd=folder)
        report = open(f"{folder}/report.md", encoding="utf-8").read()
        figures = json.load(open(f"{folder}/report.md.logs/starter.json", encoding="utf-8"))
    assert "| conformance | passed" in report and "| benchmark starter | passed" in report and "references" not in report, report
    said = re.search(r"([0-9.]+) steps/s, ([0-9]+) % of the card's ([0-9]+) GB/s, first sound after ([0-9.]+) s", report)
    assert said and float(said[1]) > 0 and float(said[4]) > 0, report
    assert figures["launches_per_step"] > 0 and figures["read_bandwidth"] > 0, figures
    share = figures["weight_bytes_per_step"] * figures["steps_per_s"] / figures["read_bandwidth"]
    assert abs(figures["bandwidth_fraction"] - share) < 1e-6 * share, figures


def main():
    if len(sys.argv) > 2:
        rehearse(*sys.argv[2:])
        return
    with tempfile.TemporaryDirectory() as folder:
        status, report, calls = report_of(folder, 0)
        assert status == 0, report
        for line in ("| build | passed", "| doctor | passed", "| conformance | passed", "| references | passed", "| soak | passed",
                     "| benchmark starter | passed", "| benchmark model f16 | passed", "| benchmark model int8 | passed", "0 steps failed", "RTX",
                     "312.5 steps/s, 62 % of the card's 900 GB/s, first sound after 0.125 s"):
            assert line in report, f"no “{line}” in\n{report}"
        for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
            assert f"| compute-sanitizer {tool} | not run" in report, report
        for call in ("doctor", "generate --device cuda --seed 1", "bench --device cuda --seconds 10 --json", f"bench --device cuda --seconds 10 --json --model {folder}/model --precision int4"):
            assert call in calls, f"no “{call}” in\n{calls}"
    with tempfile.TemporaryDirectory() as folder:
        status, report, _ = report_of(folder, 3)
        assert status == 1 and "| conformance | FAILED (3)" in report and "FAIL: embed" in report, report
        assert "1 steps failed: conformance." in report, report
    with tempfile.TemporaryDirectory() as folder:
        status, report, _ = report_of(folder, 0, '"the card was left"')
        assert status == 1 and "1 steps failed: soak." in report and "FAILED: the card was left" in report, report
    for card in ("smi", "pci"):  # 77: the test could not open it
        with tempfile.TemporaryDirectory() as folder:
            status, report, _ = report_of(folder, 77, card=card)
            assert status == 1 and "| conformance | FAILED (1)" in report and "could not be opened" in report, report
    with tempfile.TemporaryDirectory() as folder:
        status, report, calls = report_of(folder, 77, card="none")
        assert status == 0 and "bench" not in calls and "generate" not in calls, report
        for step in ("conformance", "references", "soak", "benchmark starter", "benchmark model f16"):
            assert f"| {step} | not run" in report, report
    with tempfile.TemporaryDirectory() as folder:
        status, report, _ = report_of(folder, 0, bench={"device": "cpu", "launches_per_step": 0})
        assert status == 1 and "| benchmark starter | FAILED (1)" in report and "not the card" in report, report


if __name__ == "__main__":
    main()
