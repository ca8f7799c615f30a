# SPDX-License-Identifier: MIT
"""The walls between the folders: the engine has no symbol of GLib, GTK or PortAudio, and no folder includes what it may not."""
import os
import re
import subprocess
import sys

root, library = sys.argv[1:3]
failures = []
symbols = subprocess.run(["nm", "-u", "--format=just-symbols", library], capture_output=True, text=True, check=True).stdout.split()
failures += [f"the engine uses {s}" for s in symbols if re.match(r"(g|gtk|gdk|adw|Pa|sf|cairo)_[A-Za-z]", s)]

public = {"engine.h"}
headers = {folder: {os.path.relpath(os.path.join(where, name), f"{root}/{folder}")
                    for where, _, names in os.walk(f"{root}/{folder}") for name in names if name.endswith(".h")}
           for folder in ("engine", "app", "ui")}
forbidden = {"engine": headers["app"] | headers["ui"], "app": (headers["engine"] | headers["ui"]) - public, "ui": headers["engine"] - public}
system = {"engine": r"glib|gio|gtk|adwaita|portaudio|sndfile|cairo", "app": r"gtk|adwaita|cairo", "ui": r"portaudio|sndfile|soxr"}
n_files = 0
for folder in forbidden:
    for where, _, names in os.walk(f"{root}/{folder}"):
        for name in names:
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.join(where, name)
            n_files += 1
            for kind, included in re.findall(r'#include ([<"])([^>"]+)', open(path, encoding="utf-8").read()):
                may = os.path.relpath(path, root) == "app/main.c" and included == "ui.h"
                if kind == '"' and included in forbidden[folder] and not may:
                    failures.append(f"{path} includes {included}")
                if kind == "<" and re.match(system[folder], included):
                    failures.append(f"{path} includes <{included}>")
if n_files < 40:
    failures.append(f"only {n_files} files were looked at")
sys.exit("\n".join(failures) if failures else 0)
