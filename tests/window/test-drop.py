# SPDX-License-Identifier: MIT
"""Files dragged with the mouse from another program's window and dropped on this one: a sound to continue, then, by the role's button, one to
follow; a file that is no sound is refused; and the same without a mouse.
"""
import json
import os
import shutil
import sys
import tempfile
import wave

import numpy as np
from stage import play, wait_for

CASES, SOURCE = (os.path.abspath(path) for path in sys.argv[2:4])
STEPS = 25


def write_tone(path):
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 32000, 0, "NONE", ""))
        file.writeframes((9000 * np.sin(np.arange(32000) * 0.06)).astype("<i2").tobytes())


def drag(stage, path):
    """Drags the file from a window of its own and drops it in the middle of the program's; the source's word of how it ended."""
    log = f"{stage.folder}/source.log"
    source = stage.start([SOURCE, path], env=stage.env, stdout=open(log, "wb"))
    window = stage.await_window("^Files$", 30)
    stage.xdotool("windowmove", "--sync", window, "0", "0")
    stage.settle()
    left, top, wide, high = stage.geometry(window)
    x, y, width, height = stage.geometry()
    start, end = (left + wide // 2, top + high - 40), (x + width // 2, y + height // 2)
    stage.xdotool("mousemove", *map(str, start), "mousedown", "1")
    before = controls(stage)
    for i in range(1, STEPS + 1):
        at = [str(start[j] + (end[j] - start[j]) * i // STEPS) for j in range(2)]
        stage.xdotool("mousemove", *at)
    wait_for("the drop zone's light", lambda: (controls(stage) != before).any(), 20)
    stage.xdotool("mouseup", "1")
    said = wait_for("the drop", lambda: open(log).read(), 20)
    source.terminate()
    source.wait()
    stage.xdotool("windowactivate", "--sync", stage.toplevel)
    stage.settle()
    return said


def controls(stage):
    """What is to be seen of the row that takes sounds."""
    x, y, width, height = stage.geometry()
    return stage.colours()[y + height - 110:y + height - 60, x:x + width]


def make(stage, name):
    """The recipe of a new clip."""
    path = f"{stage.folder}/{name}.wav"
    stage.generate("rain")
    stage.export(path)
    data = open(path, "rb").read()
    return json.JSONDecoder().raw_decode(data[data.index(b'{"program"'):].decode(errors="replace"))[0]


def drop(stage):
    stage.xdotool("windowmove", "--sync", stage.toplevel, "190", "90")
    stage.key("ctrl+shift+m")
    stage.change("space")
    stage.change("Down", "Return")
    wait_for("the model", lambda: stage.can("generate"), 30)
    stage.settle()
    tone, text = f"{stage.folder}/tone.wav", f"{stage.folder}/letter.txt"
    write_tone(tone)
    open(text, "w").write("no sound\n" * 100)

    assert drag(stage, tone) == "dropped as copy\n"
    recipe = make(stage, "continued")
    assert recipe["continues"]["file"] == "tone.wav" and "melody" not in recipe, recipe
    stage.change("alt+f")  # the role's other button
    recipe = make(stage, "followed")
    assert recipe["melody"]["file"] == "tone.wav" and "continues" not in recipe, recipe

    # what is no sound changes nothing
    drag(stage, text)
    recipe = make(stage, "as before")
    assert recipe["melody"]["file"] == "tone.wav", recipe

    # by keys: without it, with it again, and back to the first role
    stage.key("ctrl+l", "Tab", "Tab", "Tab")
    stage.settle()
    stage.change("space")
    recipe = make(stage, "without")
    assert "melody" not in recipe and "continues" not in recipe, recipe
    stage.key("ctrl+shift+o")
    stage.await_dialog()
    stage.type(tone)
    stage.settle()
    stage.key("Return")
    stage.await_main()
    stage.settle()
    stage.change("alt+c")
    recipe = make(stage, "by keys")
    assert recipe["continues"]["file"] == "tone.wav" and "melody" not in recipe, recipe


data = tempfile.mkdtemp()
os.makedirs(f"{data}/clipwright/models")
os.symlink(f"{CASES}/models/melody_mono", f"{data}/clipwright/models/melody")
try:
    play(drop, False, XDG_DATA_HOME=data)
finally:
    shutil.rmtree(data)
print("dropping works")
