# SPDX-License-Identifier: MIT
"""What can be had of tests/gpu/run without a GPU: its steps run in order, failures and missing tools are told apart, the report says so.
The programs it calls are stand-ins that this test writes."""
import os
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


def report_of(folder, conformance_status, notice=""):
    build, tools = f"{folder}/build", f"{folder}/tools"
    program(f"{build}/app/clipwright", 'echo "$*" >> "$CW_TEST_CALLS"\n'
            'case "$1" in generate) echo "{\\"notices\\": [$CW_TEST_NOTICE]}" ;; *) echo "did $1" ;; esac\n')
    program(f"{build}/tests/cuda/test-cuda-conformance", f"[ {conformance_status} = 0 ] || echo FAIL: embed; exit {conformance_status}\n")
    program(f"{build}/tests/clipwright-probe", "exit 0\n")
    open(f"{build}/build.ninja", "w").close()
    for tool in ("meson", "ninja", "nvcc"):
        program(f"{tools}/{tool}", "echo built\n")
    program(f"{tools}/nvidia-smi", 'case "$*" in *memory.used*) echo 100 ;; *) echo "name, RTX" ;; esac\n')
    program(f"{tools}/python3", 'case "$1" in *list-cases.py) echo one ;; -c) exec /usr/bin/python3 "$@" ;; *) exit 0 ;; esac\n')
    calls = f"{folder}/calls"
    environment = {**os.environ, "PATH": f"{tools}:/usr/bin:/bin", "CW_GPU_BUILD": build, "CW_TEST_CALLS": calls, "CW_TEST_NOTICE": notice, "CUDA_HOME": folder}
    done = subprocess.run([run, "-o", f"{folder}/report.md", "-s", "1", f"{folder}/model"], capture_output=True, text=True, timeout=100,
                          env=environment, cwd=folder)
    return done.returncode, open(f"{folder}/report.md", encoding="utf-8").read(), open(calls, encoding="utf-8").read()


def main():
    with tempfile.TemporaryDirectory() as folder:
        status, report, calls = report_of(folder, 0)
        assert status == 0, report
        for line in ("| build | passed", "| doctor | passed", "| conformance | passed", "| references | passed", "| soak | passed",
                     "| benchmark starter | passed", "| benchmark model | passed", "0 steps failed", "RTX"):
            assert line in report, f"no “{line}” in\n{report}"
        for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
            assert f"| compute-sanitizer {tool} | not run" in report, report
        for call in ("doctor", "generate --device cuda --seed 1", "bench --device cuda", f"bench --device cuda --model {folder}/model"):
            assert call in calls, f"no “{call}” in\n{calls}"
    with tempfile.TemporaryDirectory() as folder:
        status, report, _ = report_of(folder, 3)
        assert status == 1 and "| conformance | FAILED (3)" in report and "FAIL: embed" in report, report
        assert "1 steps failed: conformance." in report, report
    with tempfile.TemporaryDirectory() as folder:
        status, report, _ = report_of(folder, 0, '"the card was left"')
        assert status == 1 and "1 steps failed: soak." in report and "FAILED: the card was left" in report, report


if __name__ == "__main__":
    main()
