# SPDX-License-Identifier: MIT
"""Prints the folders of the cases below ROOT that the probe knows, one a line: list-cases.py ROOT"""
import os
import sys

GROUPS = ["audiocraft", "discriminators", "encodec", "lm", "melody", "sampling", "t5", "tokenizer"]

for group in GROUPS:
    for folder, _, files in sorted(os.walk(os.path.join(sys.argv[1], group))):
        if "case.json" in files or "cases.json" in files:
            print(os.path.relpath(folder, sys.argv[1]))
