# SPDX-License-Identifier: MIT
"""A MAGNeT model in the window, by keys: it has settings of its own, which its clips say they were made with; the starter's say nothing."""
import os
import shutil
import sys
import tempfile

from stage import play, recipe_of

CASES = os.path.abspath(sys.argv[2])
OWN = ("decoding_steps", "spans", "guidance_end")


def make(stage, name):
    """Makes a clip and returns what its file says of those settings."""
    path = f"{stage.folder}/{name}.wav"
    stage.generate("rain")
    stage.export(path)
    recipe = recipe_of(path)
    return [recipe.get(key) for key in OWN]


def to_settings(stage):
    """From the chooser past duration, seed, its lock and takes into the popover, on guidance."""
    stage.key("ctrl+shift+m", "Tab", "Tab", "Tab", "Tab", "Tab")
    stage.settle()
    stage.change("space")


def use_again(stage):
    """The settings of the second clip of the list, from its row's menu."""
    x, y, width, _ = stage.geometry()
    stage.xdotool("mousemove", str(x + width - 42), str(y + 175), "click", "1")
    stage.settle()
    stage.change("p")


def settings(stage):
    assert make(stage, "starter") == [None, None, None]
    stage.choose_next_model()
    assert make(stage, "default") == [[20, 10, 10, 10], "nonoverlap", 1.0]

    to_settings(stage)
    stage.key("Tab", "Tab", "Tab", "Tab", "ctrl+a", "4", "period", "5", "Tab", "space", "Tab", "ctrl+a", "7", "Tab", "Tab", "Tab",
              "ctrl+a", "2", "Tab", "Escape")
    own = [[7, 10, 10, 2], "stride1", 4.5]
    assert make(stage, "set") == own

    # the model's defaults, by the button behind the nine settings and the switch; then that clip's settings again, by its row's menu
    to_settings(stage)
    stage.key(*["Tab"] * 10, "Return", "Escape")
    assert make(stage, "defaults") == [[20, 10, 10, 10], "nonoverlap", 1.0]
    use_again(stage)
    assert make(stage, "again") == own


data = tempfile.mkdtemp()
os.makedirs(f"{data}/clipwright/models")
for case, name in (("ac_magnet", "magnet"), ("ac_t5", "t5-base")):
    os.symlink(f"{CASES}/models/{case}", f"{data}/clipwright/models/{name}")
try:
    play(settings, False, XDG_DATA_HOME=data)
finally:
    shutil.rmtree(data)
print("MAGNeT's settings work")
