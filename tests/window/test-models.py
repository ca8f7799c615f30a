# SPDX-License-Identifier: MIT
"""The models page, by keys, with a hub on loopback: get after the licence was agreed to, pause, resume, a refusal and another try,
remove and undo; and what was got is in the chooser, makes a clip and leaves its licence in the exported file.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "download"))
from hub import Hub  # noqa: E402
from stage import play, wait_for  # noqa: E402

CASES = os.path.abspath(sys.argv[2])
WEIGHTS = "model.safetensors"


def to_first_button(stage):
    """From the top of the page to the button of the first model of the catalogue."""
    stage.key("Tab", "Tab", "Tab")


def page(stage):
    models = f"{stage.folder}/.local/share/clipwright/models"
    part, weights = f"{models}/musicgen-small.part/{WEIGHTS}.part", f"{models}/musicgen-small/{WEIGHTS}"
    stage.key("ctrl+m")
    stage.await_dialog()
    to_first_button(stage)

    # nothing is asked for before the licence is agreed to
    stage.change("Return")
    stage.change("Escape")
    assert not hub.requests and not os.path.exists(part)

    # a hub that refuses, then does not: the same button tries again
    hub.break_(lambda r: WEIGHTS in r.path and not r.reply(403))
    stage.change("Return")
    stage.key("Return")
    wait_for("the refusal", lambda: hub.asked("hub", "HEAD", WEIGHTS), 10)
    stage.settle()
    assert not os.path.exists(weights)
    hub.mend()
    hub.bytes_per_s = 20_000
    stage.change("Return")
    stage.key("Return")
    wait_for("some of the model", lambda: os.path.exists(part) and os.path.getsize(part) > 16_000, 20)

    # a narrow page has room for progress, too
    assert stage.resize(360, 720, stage.xdotool("getactivewindow").strip()) == (360, 720)
    if where := os.environ.get("CLIPWRIGHT_TEST_PICTURES"):
        stage.picture(f"{where}/getting.png")

    # pause, where the keyboard is now; resume, without being asked again
    stage.key("Return")
    stage.settle()
    size = os.path.getsize(part)
    hub.mend()
    assert not os.path.exists(weights)
    stage.settle()
    assert os.path.getsize(part) == size > 0, "it was not paused"
    stage.key("Return")
    wait_for("the model", lambda: os.path.exists(weights), 20)
    assert any(headers.get("Range") for headers in hub.asked("storage")), "it was not resumed"

    # it is in the chooser, and makes a clip
    stage.settle()
    stage.key("Escape")
    stage.await_main()
    stage.choose_next_model()
    stage.generate("rain")
    stage.export(f"{stage.folder}/out.wav")
    data = open(f"{stage.folder}/out.wav", "rb").read()
    assert b"musicgen-small" in data and b"cc-by-nc-4.0" in data, "the file does not say its model's licence"

    # remove: by Ctrl+Z it is back, whole; then for good, once the page is closed
    trash = f"{models}/.trash"
    files = sorted(os.listdir(os.path.dirname(weights)))
    stage.key("ctrl+m")
    stage.await_dialog()
    stage.key("Tab", "Down", "Tab")
    stage.change("Return")
    assert not os.path.exists(weights) and len(os.listdir(trash)) == 1
    stage.change("ctrl+z")
    assert sorted(os.listdir(os.path.dirname(weights))) == files
    assert not os.listdir(trash)
    stage.key("Escape")
    stage.await_main()
    wait_for("the model", lambda: stage.can("generate"), 20)
    stage.generate("rain")  # it is the chosen one again
    stage.export(f"{stage.folder}/again.wav")
    assert b"musicgen-small" in open(f"{stage.folder}/again.wav", "rb").read()
    stage.key("ctrl+m")
    stage.await_dialog()
    stage.key("Tab", "Down", "Tab")
    stage.change("Return")
    kept = os.listdir(trash)
    stage.change("Escape")  # the toast
    wait_for("the end of the removal", lambda: not os.listdir(trash), 10)
    assert kept and not os.path.exists(os.path.dirname(weights))
    stage.key("Escape")
    stage.await_main()


hub = Hub()
case = f"{CASES}/models/lm_stereo"
hub.repos["facebook/musicgen-small"] = {name: open(f"{case}/{name}", "rb").read() for name in os.listdir(case)}
try:
    play(page, False, HF_ENDPOINT=hub.address, HF_TOKEN="", http_proxy="", HF_HUB_OFFLINE="")
finally:
    hub.close()
print("the models page works")
