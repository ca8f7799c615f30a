# SPDX-License-Identifier: MIT
"""The window fits a screen of 360 pixels, in English and in a language of longer words, whatever is in it: nothing, a clip, every control
that a model can have, a sound to begin with; and the models page does, too. And it fills a screen of 3840.
"""
import os
import shutil
import sys
import tempfile

import numpy as np
import stretch
from stage import play, write_tone

CASES = os.path.abspath(sys.argv[2])
NARROW = 360
PICTURES = os.environ.get("CLIPWRIGHT_TEST_PICTURES")  # a folder for what there was to see


def look(stage, name):
    if PICTURES:
        stage.picture(f"{PICTURES}/{stage.env.get('LANGUAGE') or 'en'}-{name}.png")


def fits(stage, name, window=None):
    width, height = stage.resize(NARROW, 720, window)
    look(stage, name)
    assert width <= NARROW and height == 720, f"{name} is at least {width} x {height}"


def narrow(stage):
    look(stage, "wide")
    fits(stage, "empty")
    stage.key("F9")
    stage.settle()
    look(stage, "list")
    stage.change("F9")
    stage.generate("heavy rain")
    stage.export(f"{stage.folder}/rain.wav")
    stage.settle()
    fits(stage, "clip")
    x, y, width, _ = stage.geometry()
    place = slice(y + 140, y + 185), slice(x + width - 250, x + width - 20)  # of the list's first row
    uncovered = stage.settle()[place]
    assert not np.array_equal(stage.change("F9")[place], uncovered)
    look(stage, "list over it")
    assert np.array_equal(stage.change("Return")[place], uncovered), "Enter on a clip does not uncover it"

    # the melody model has every control; then with a sound to follow, whose name is long
    stage.choose_next_model()
    fits(stage, "melody")
    tone = f"{stage.folder}/a recording of a melody that somebody whistled.wav"
    write_tone(tone)
    stage.begin_with(tone)
    fits(stage, "sound")
    stage.change("ctrl+shift+l")
    look(stage, "later")
    stage.change("Escape")
    stage.key("ctrl+m")
    fits(stage, "models", stage.await_dialog())
    stage.key("Escape")
    stage.await_main()


def wide(stage):
    assert stage.resize(3800, 2100) == (3800, 2100)
    stage.generate("heavy rain")
    stage.export(f"{stage.folder}/rain.wav")
    stage.settle()
    look(stage, "4k")
    assert stage.wave_pixels() > 100_000, "the wave does not grow with the window"


data = tempfile.mkdtemp()
os.makedirs(f"{data}/clipwright/models")
os.symlink(f"{CASES}/models/melody_mono", f"{data}/clipwright/models/a melody model with a long name")
stretch.write(f"{data}/locale")
try:
    for language in ("", "xx"):
        play(narrow, False, XDG_DATA_HOME=data, LANGUAGE=language, CLIPWRIGHT_LOCALE_DIR=f"{data}/locale")
    play(wide, False, screen=(3840, 2160))
finally:
    shutil.rmtree(data)
print("the window fits from 360 to 3840 pixels")
