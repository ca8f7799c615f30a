# SPDX-License-Identifier: MIT
"""From keys to the ear: the window under Xvfb, playing into a null sink of PulseAudio at the clip's own rate.

A prompt is typed, the clip is made and played, then exported by keys; what the sink's monitor heard is compared with the file,
sample by sample. Then delete, undo and quit; and once more without any sound server.
"""
import json
import wave

import numpy as np

from stage import RATE_HZ, SLOW, play, recipe_of, wait_for, write_tone


def read_wav(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE_HZ, 3), "24-bit WAV at the model's rate"
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3).astype(np.int32)
    return (((data[:, 2] << 24 | data[:, 1] << 16 | data[:, 0] << 8) >> 8) / 8388608.0).astype(np.float64)


def compare(heard, exported):
    """The place of the exported sound in what was heard, where the stretch around its peak fits best; then all of it must be equal."""
    middle = min(max(int(np.abs(exported).argmax()), 200), len(exported) - 200)
    piece = exported[middle - 200:middle + 200]
    # squared distance at each place, but for the piece's own energy
    distance = np.convolve(heard[:, 0] ** 2, np.ones(len(piece)), "valid") - 2.0 * np.correlate(heard[:, 0], piece, "valid")
    start = int(distance.argmin()) - (middle - 200)
    assert start >= 0 and start + len(exported) <= len(heard), f"the clip was not heard whole: {start}, {len(exported)} of {len(heard)}"
    for channel in range(2):
        error = np.abs(heard[start:start + len(exported), channel] - exported)
        wrong = np.flatnonzero(error >= 2.0 ** -22)
        assert not len(wrong), f"samples {wrong[0]} to {wrong[-1]} of {len(exported)} differ from the file, by up to {error.max()}"


def with_sound(stage):
    empty = stage.wave_pixels()
    stage.type("rock drums")
    stage.begin("Return")
    wait_for("the wave", lambda: stage.wave_pixels() > empty + 500, 20)
    wait_for("the clip, and then a second", lambda: stage.heard_s() > 5.0, 30)
    stage.finish()
    path = f"{stage.folder}/out.wav"
    stage.export(path)
    exported = read_wav(path)
    if SLOW == 1:  # under the sanitizers a loaded machine makes sound slower than it promised, and playback has gaps
        compare(stage.heard().astype(np.float64), exported)
    report = json.load(open(f"{stage.folder}/.local/state/clipwright/playback.json"))
    assert report["underruns"] == 0 or SLOW > 1, report
    # delete and bring back: the wave goes and comes
    shown = stage.wave_pixels()
    stage.key("Tab", "Tab", "Tab")  # out of the prompt, where Delete deletes letters
    stage.key("Delete")
    wait_for("the empty page", lambda: stage.wave_pixels() < shown / 2, 10)
    stage.key("ctrl+z")
    wait_for("the clip that was brought back", lambda: stage.wave_pixels() > shown / 2, 10)


def without_sound(stage):
    empty = stage.wave_pixels()
    stage.generate("heavy rain")
    wait_for("the wave", lambda: stage.wave_pixels() > empty + 500, 20)
    stage.export(f"{stage.folder}/silent.wav")
    assert np.abs(read_wav(f"{stage.folder}/silent.wav")).max() > 0.01
    stage.key("ctrl+shift+m", "Tab", "ctrl+a", "2")  # a length that is still being typed counts
    stage.begin("ctrl+Return")
    stage.finish()
    stage.export(f"{stage.folder}/short.wav")
    length_s = len(read_wav(f"{stage.folder}/short.wav")) / RATE_HZ
    assert length_s == 2.0, length_s


def beginnings(stage):
    """By keys alone: a sound to continue, a prompt that begins later, and a clip without an end."""
    tone = f"{stage.folder}/tone.wav"
    write_tone(tone, 44100)
    stage.begin_with(tone)
    stage.key("ctrl+l")
    stage.type("rock drums")
    stage.change("ctrl+shift+l")
    stage.type("heavy rain")
    stage.change("Escape")
    stage.begin("ctrl+Return")
    stage.finish(60)
    path = f"{stage.folder}/on.wav"
    stage.export(path)
    recipe = recipe_of(path)
    assert recipe["continues"]["file"] == "tone.wav" and recipe["prompt"] == "rock drums", recipe
    assert recipe["later_prompts"] == [{"from_s": 2.0, "prompt": "heavy rain"}], recipe
    stage.change("ctrl+shift+e")
    stage.begin("ctrl+Return")
    wait_for("the endless clip", lambda: stage.can("stop") and stage.can("export"), 20)
    before = stage.colours()
    wait_for("more of it", lambda: not np.array_equal(before, stage.colours()), 20)
    stage.key("ctrl+l", "Escape")
    stage.finish(20)
    path = f"{stage.folder}/endless.wav"
    stage.export(path)
    assert recipe_of(path)["endless"] is True, recipe_of(path)
    assert len(read_wav(path)) > RATE_HZ // 4, len(read_wav(path))


play(with_sound, True)
play(without_sound, False)
play(beginnings, False)
print("the window works")
