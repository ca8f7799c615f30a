# SPDX-License-Identifier: MIT
"""The preferences, by keys: what is set is kept in the settings, and the next clip follows it. And what there is to say of a card is said:
on the stand-in for one, with no room for the model, a toast says so while the processor makes the clip, once.
"""
import configparser
import os
import sys

from stage import play, wait_for

KEYFILE = ".config/glib-2.0/settings/keyfile"
GROUP = "io/github/clipwright/Clipwright"


def setting(stage, name):
    parser = configparser.ConfigParser()
    parser.read(f"{stage.folder}/{KEYFILE}")
    return parser.get(GROUP, name, fallback=None)


def set_number(stage, key, name, text, expected):
    """@key: the row's mnemonic, which goes to its field."""
    stage.key(key, "ctrl+a")
    stage.type(text)
    stage.key("Return")
    wait_for(f"{name} in the settings", lambda: setting(stage, name) == expected, 10)


def choose(stage, key, name, expected):
    """The second line of the row's list, which @key opens."""
    stage.change(key)
    stage.change("Down", "Return")
    wait_for(f"{name} in the settings", lambda: setting(stage, name) == expected, 10)


def toast_pixels(stage):
    """How many pixels of the lower part are as dark as a toast."""
    x, y, width, height = stage.geometry()
    return int((stage.colours()[y + height - 300:y + height, x:x + width].max(axis=2) < 90).sum())


def preferences(stage):
    stage.key("ctrl+comma")
    dialog = stage.await_dialog()
    if where := os.environ.get("CLIPWRIGHT_TEST_PICTURES"):
        stage.picture(f"{where}/preferences.png")
    choose(stage, "alt+w", "device", "'cpu'")
    set_number(stage, "alt+m", "vram-gib", "2.5", "2.5")
    choose(stage, "alt+p", "precision", "'f32'")
    set_number(stage, "alt+l", "unload-minutes", "7", "7")
    stage.change("alt+o")
    wait_for("offline in the settings", lambda: setting(stage, "offline") == "true", 10)
    width = stage.resize(360, 480, dialog)[0]  # libadwaita's least is 360, to which GTK adds a frame where nothing draws shadows
    assert width <= 370, f"it does not fit a narrow screen: {width}"
    stage.key("Escape")
    stage.await_main()
    wait_for("the model", lambda: stage.can("generate"), 30)
    stage.generate("rain")
    stage.export(f"{stage.folder}/out.wav")
    assert os.path.getsize(f"{stage.folder}/out.wav") > 1000


def notices(stage):
    before = toast_pixels(stage)
    stage.generate("rain")
    stage.settle()
    if where := os.environ.get("CLIPWRIGHT_TEST_PICTURES"):
        stage.picture(f"{where}/notice.png")
    shown = toast_pixels(stage)
    assert shown > before + 4000, f"{before} dark pixels without a toast, {shown} with one"
    stage.export(f"{stage.folder}/out.wav")


play(preferences, False, GSETTINGS_BACKEND="keyfile")
if len(sys.argv) > 2:
    play(notices, False, files={KEYFILE: f"[{GROUP}]\ndevice='cuda-on-cpu'\nvram-gib=0.001\nduration=0.5\n"}, GSETTINGS_BACKEND="keyfile",
         CW_CUDA_MODULE=os.path.abspath(sys.argv[2]))
print("the preferences work")
