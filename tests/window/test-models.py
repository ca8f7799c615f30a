# SPDX-License-Identifier: MIT
"""The models page, by keys, with a hub on loopback: get after the licence was agreed to, pause, resume, a refusal and another try,
remove; and what was got is in the chooser, makes a clip and leaves its licence in the exported file.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "download"))
from hub import Hub  # noqa: E402
from stage import SLOW, Stage, wait_for  # noqa: E402

CASES = os.path.abspath(sys.argv[2])
WEIGHTS = "model.safetensors"


def to_first_button(stage):
    """From the top of the page to the button of the first model of the catalogue."""
    stage.key("Tab", "Tab", "Tab")


def play(stage, hub):
    models = f"{stage.folder}/.local/share/clipwright/models"
    part, weights = f"{models}/musicgen-small.part/{WEIGHTS}.part", f"{models}/musicgen-small/{WEIGHTS}"
    stage.key("ctrl+m")
    time.sleep(1.0 * SLOW)
    to_first_button(stage)

    # nothing is asked for before the licence is agreed to
    stage.key("Return")
    time.sleep(0.7 * SLOW)
    stage.key("Escape")
    time.sleep(0.7 * SLOW)
    assert not hub.requests and not os.path.exists(part)

    # a hub that refuses, then does not: the same button tries again
    hub.break_(lambda r: WEIGHTS in r.path and not r.reply(403))
    stage.key("Return")
    time.sleep(0.7 * SLOW)
    stage.key("Return")
    wait_for("the refusal", lambda: hub.asked("hub", "HEAD", WEIGHTS), 10)
    time.sleep(1.0 * SLOW)
    assert not os.path.exists(weights)
    hub.mend()
    hub.bytes_per_s = 20_000
    stage.key("Return")
    time.sleep(0.7 * SLOW)
    stage.key("Return")
    wait_for("some of the model", lambda: os.path.exists(part) and os.path.getsize(part) > 16_000, 10)

    # pause, where the keyboard is now; resume, without being asked again
    stage.key("Return")
    wait_for("the pause", lambda: not moves(part), 10)
    assert os.path.getsize(part) > 0 and not os.path.exists(weights)
    hub.mend()
    stage.key("Return")
    wait_for("the model", lambda: os.path.exists(weights), 20)
    assert any(headers.get("Range") for headers in hub.asked("storage")), "it was not resumed"

    # it is in the chooser, and makes a clip
    stage.key("Escape")
    time.sleep(0.7 * SLOW)
    stage.key("ctrl+shift+m", "space")
    time.sleep(0.5 * SLOW)
    stage.key("Down", "Return")
    time.sleep(2.0 * SLOW)
    empty = stage.wave_pixels()
    stage.key("ctrl+l")
    stage.type("rain")
    stage.key("Return")
    wait_for("the wave", lambda: stage.wave_pixels() > empty + 200, 20)
    time.sleep(1.0 * SLOW)
    stage.export(f"{stage.folder}/out.wav")
    data = open(f"{stage.folder}/out.wav", "rb").read()
    assert b"musicgen-small" in data and b"cc-by-nc-4.0" in data, "the file does not say its model's licence"

    # remove, after a question
    stage.key("ctrl+m")
    time.sleep(1.0 * SLOW)
    stage.key("Tab", "Down", "Tab", "Return")
    time.sleep(0.7 * SLOW)
    assert os.path.exists(weights)
    stage.key("Tab", "Return")
    wait_for("the removal", lambda: not os.path.exists(os.path.dirname(weights)), 10)
    stage.key("Escape")
    time.sleep(0.7 * SLOW)


def moves(path):
    before = os.path.getsize(path)
    time.sleep(1.5)
    return os.path.getsize(path) != before


hub = Hub()
case = f"{CASES}/models/lm_stereo"
hub.repos["facebook/musicgen-small"] = {name: open(f"{case}/{name}", "rb").read() for name in os.listdir(case)}
stage = Stage(False, manager=True, HF_ENDPOINT=hub.address, HF_TOKEN="", http_proxy="", HF_HUB_OFFLINE="")
failed = True
try:
    play(stage, hub)
    stage.quit()
    failed = False
finally:
    log = stage.close(failed)
    hub.close()
assert "CRITICAL" not in log, log
print("the models page works")
