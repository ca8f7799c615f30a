# SPDX-License-Identifier: MIT
"""Runs the probe's loaders on every entry of malformed.json: each must get the verdict that is listed.

    run-malformed.py PROBE FOLDER [--any-memory]

A refusal is exit code 1 and one sentence on standard error that names the file. Nothing may crash, hang, or take more than 64 MB
beside the file; --any-memory leaves the last out, for builds with sanitizers. Exit 77: there is no such folder (meson: skipped).
"""
import json
import os
import signal
import subprocess
import sys
import tempfile

SECONDS = 30
MEGABYTES = 64


def size_of(path):
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))


def run(command):
    """(exit code, standard error, peak memory in bytes)"""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stderr=errors)
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(SECONDS)
        _, status, usage = os.wait4(process.pid, 0)
        signal.alarm(0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        return process.returncode, errors.read().decode(errors="replace"), usage.ru_maxrss * 1024


def what_is_wrong(probe, folder, entry, any_memory):
    path = os.path.join(folder, entry["file"])
    status, sentence, memory = run([probe, "--load", entry["kind"], path])
    accept = {"must be accepted": True, "must be rejected": False}[entry["verdict"]]
    if status != (0 if accept else 1):
        return f"exit code {status} ({sentence.strip()})"
    if accept and sentence:
        return f"accepted, but with words: {sentence.strip()}"
    if not accept and (sentence.count("\n") != 1 or os.path.basename(entry["file"].rstrip("/")) not in sentence):
        return f"no single sentence that names the file: {sentence.strip()}"
    if not any_memory and memory > size_of(path) + MEGABYTES * 1000 * 1000:
        return f"took {memory} bytes of memory"
    return None


def main(probe, folder, *options):
    if not os.path.isdir(folder):
        print(f"“{folder}” is not there")
        return 77
    with open(os.path.join(folder, "malformed.json"), encoding="utf-8") as file:
        entries = json.load(file)["files"]
    wrong = 0
    for entry in entries:
        words = what_is_wrong(probe, folder, entry, "--any-memory" in options)
        wrong += bool(words)
        if words:
            print(f"{entry['file']} ({entry['what']}) {entry['verdict']}: {words}")
    print(f"{len(entries) - wrong} of {len(entries)} verdicts are as listed")
    return 1 if wrong or not entries else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
