#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""emulated.py TEST-KERNELS: processors that this machine is not, from Debian's qemu-user: which level is chosen on each, and the AVX2
twins where AVX2 is the highest level there is. The emulator has no AVX-512. Exits 77 where it is missing or has no AVX2."""
import os
import re
import shutil
import subprocess
import sys

QEMU = shutil.which('qemu-x86_64') or shutil.which('qemu-x86_64-static')

# processor, CW_CPU, the level that must be chosen
CHOICES = [
    ('Haswell', None, 'avx2'),
    ('Haswell', 'vnni', 'avx2'),
    ('Haswell', 'c', 'c'),
    ('EPYC', None, 'avx2'),
    ('Nehalem', None, 'c'),
    ('Nehalem', 'avx2', 'c'),
    ('SandyBridge', None, 'c'),      # AVX without AVX2
    ('Haswell,-avx2', None, 'c'),
    ('Haswell,-fma', None, 'c'),
    ('Haswell,-f16c', None, 'c'),
    ('Haswell,-xsave', None, 'c'),   # the processor has AVX2, the system does not save its registers
]


def run(processor, forced, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != 'CW_CPU'}
    if forced:
        environment['CW_CPU'] = forced
    done = subprocess.run([QEMU, '-cpu', processor, sys.argv[1], *arguments], env=environment, capture_output=True, text=True)
    if re.search(r"doesn't support requested feature: .*\.avx2 ", done.stderr):
        print('this emulator has no AVX2')
        sys.exit(77)
    return done


def main():
    if not QEMU:
        print('no emulator: qemu-x86_64 of the package qemu-user')
        return 77
    failed = False
    for processor, forced, expected in CHOICES:
        done = run(processor, forced, '--chosen')
        chosen = done.stdout.strip()
        wrong = done.returncode != 0 or chosen != expected
        failed |= wrong
        print(f"{processor}, CW_CPU {forced or 'unset'}: {chosen or done.stderr.strip()}{f', expected {expected}' if wrong else ''}")
    done = run('Haswell', None)
    levels = re.findall(r'^level ([a-z]\w*)$', done.stderr, re.MULTILINE)
    print('\n'.join(line for line in done.stderr.splitlines() if "doesn't support requested feature" not in line))
    print(f"the twins on Haswell: levels {', '.join(levels)}, exit status {done.returncode}")
    failed |= done.returncode != 0 or levels != ['c', 'avx2']
    return int(failed)


sys.exit(main())
