# SPDX-License-Identifier: MIT
"""A translation of every string of the program that is about two fifths longer, as many languages are: each vowel twice. Text that was
forgotten in _() shows, and what is too narrow for German does, too. With FOLDER as its only argument it is written there, to be looked at:
CLIPWRIGHT_LOCALE_DIR=FOLDER LANGUAGE=xx clipwright."""
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
KEPT = re.compile(r"(%[-+ #0-9.*]*(?:[a-zA-Z]|l[a-z])|<[^>]*>|&[a-z]+;|\\.)")


def stretch(text):
    parts = KEPT.split(text)
    return "".join(part if KEPT.fullmatch(part) else re.sub(r"([aeiouAEIOU])", lambda v: v.group() + v.group().lower(), part) for part in parts)


def write(folder):
    """The catalogue of the language "xx" below @folder."""
    where = f"{folder}/xx/LC_MESSAGES"
    os.makedirs(where)
    names = [line.strip() for line in open(f"{ROOT}/po/POTFILES") if line.strip() and not line.startswith("#")]
    template = subprocess.run(["xgettext", "--from-code=UTF-8", "--keyword=_", "--keyword=N_", "--keyword=ngettext:1,2", "-o", "-", *names], cwd=ROOT,
                              check=True, capture_output=True, text=True).stdout.replace("charset=CHARSET", "charset=UTF-8")
    template = re.sub(r'"Plural-Forms:.*\n', '"Plural-Forms: nplurals=2; plural=n != 1;\\\\n"\n', template)
    same = subprocess.run(["msgen", "-"], input=template, check=True, capture_output=True, text=True).stdout
    head, lines, longer = same.split("\n\n", 1), [], False
    for line in head[1].splitlines():
        if line.startswith("msg"):
            longer = line.startswith("msgstr")
        if longer and '"' in line:
            start = line.index('"')
            line = line[:start] + stretch(line[start:])
        lines.append(line)
    subprocess.run(["msgfmt", "-", "-o", f"{where}/clipwright.mo"], input=head[0] + "\n\n" + "\n".join(lines) + "\n", check=True, text=True)


if __name__ == "__main__":
    write(sys.argv[1])
