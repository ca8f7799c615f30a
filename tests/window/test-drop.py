# SPDX-License-Identifier: MIT
"""Files dragged with the mouse from another program's window and dropped on this one: a sound to continue, then, by the role's button, one to
follow; a file that is no sound is refused; and the same without a mouse.
"""
import os
import shutil
import sys
import tempfile

from stage import play, recipe_of, wait_for, write_tone

CASES, SOURCE = (os.path.abspath(path) for path in sys.argv[2:4])
STEPS = 25


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
    return recipe_of(path)


def drop(stage):
    stage.xdotool("windowmove", "--sync", stage.toplevel, "190", "90")
    stage.choose_next_model()
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
    stage.begin_with(tone)
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
