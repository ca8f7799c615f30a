# SPDX-License-Identifier: MIT
"""A sound recorded with the microphone, by keys: what is played into a room that PulseAudio makes up comes out of the file, without a gap,
and the next clip goes on from it. A recording that is cancelled leaves nothing.
"""
import os
import wave

import numpy as np
from stage import play, recipe_of, wait_for

TONE_HZ, LEVEL = 440.0, 0.4


def read(path):
    with wave.open(path) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3).astype(np.int32)
        samples = ((data[:, 2] << 24 | data[:, 1] << 16 | data[:, 0] << 8) >> 8) / 8388608.0
        return samples.reshape(-1, file.getnchannels())[:, 0], file.getframerate()


def check_tone(samples, rate_hz):
    """Piece by piece, the tone and nothing else, at its level; the ends, where the tone may begin, left out."""
    n = rate_hz // 20
    time_s = np.arange(n) / rate_hz
    basis = np.stack([np.cos(2 * np.pi * TONE_HZ * time_s), np.sin(2 * np.pi * TONE_HZ * time_s)], 1)
    pieces = [samples[at:at + n] for at in range(rate_hz // 2, len(samples) - rate_hz // 4, n)]
    good = 0
    for piece in pieces:
        fit = np.linalg.lstsq(basis, piece, rcond=None)[0]
        rest = piece - basis @ fit
        good += abs(np.hypot(*fit) - LEVEL) < 0.02 and np.sqrt((rest ** 2).mean()) < 0.01
    assert len(pieces) >= 10 and good >= 0.9 * len(pieces), f"{good} of {len(pieces)} pieces are the tone"


def recordings(stage, ending):
    folder = f"{stage.folder}/.local/share/clipwright/recordings"
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [f"{folder}/{name}" for name in names if name.endswith(".wav") == (ending == ".wav")]


def begin(stage, n_bytes):
    """Until so much lies in the file that grows beside its place."""
    stage.key("ctrl+shift+r")
    wait_for("the recording", lambda: any(os.path.getsize(path) >= n_bytes for path in recordings(stage, "beside")), 20)


def record(stage):
    # a tone into the room, from before the recording to after it
    n = np.arange(48000 * 60)
    (LEVEL * np.sin(2 * np.pi * TONE_HZ * n / 48000)).astype("<f4").tofile(f"{stage.folder}/tone.raw")
    tone = stage.start(["pacat", "-d", "room", "--format=float32le", "--rate=48000", "--channels=1", f"{stage.folder}/tone.raw"], env=stage.env)
    wait_for("the tone", lambda: "RUNNING" in stage.ask("pactl", "list", "short", "sinks"), 20)
    begin(stage, 700_000)
    if where := os.environ.get("CLIPWRIGHT_TEST_PICTURES"):
        stage.picture(f"{where}/recording.png")
    stage.key("ctrl+shift+r")
    wait_for("the file", lambda: recordings(stage, ".wav"), 20)
    assert not recordings(stage, "beside")
    path, = recordings(stage, ".wav")
    check_tone(*read(path))
    stage.settle()

    # the clip goes on from it, as well as the starter's small codec can say it: its frames come 50 times a second
    stage.generate("rain")
    stage.export(f"{stage.folder}/on.wav")
    recipe = recipe_of(f"{stage.folder}/on.wav")
    assert recipe["continues"]["file"] == os.path.basename(path), recipe
    start = read(f"{stage.folder}/on.wav")[0][:16000]
    peak_hz = int(np.abs(np.fft.rfft(start * np.hanning(16000))).argmax())
    assert abs(peak_hz - TONE_HZ) <= 60, f"the clip does not begin with what was recorded, but with {peak_hz} Hz"

    # cancelled by Escape: nothing is left of it
    begin(stage, 100_000)
    stage.key("Escape")
    wait_for("the end of the recording", lambda: not recordings(stage, "beside"), 20)
    assert recordings(stage, ".wav") == [path]

    # a disk that is full ends it, and what was recorded until then is kept
    pid = str(stage.window.pid)
    stage.ask("prlimit", "--pid", pid, "--fsize=500000:unlimited")
    stage.key("ctrl+shift+r")
    wait_for("the file", lambda: len(recordings(stage, ".wav")) == 2 and not recordings(stage, "beside"), 30)
    stage.ask("prlimit", "--pid", pid, "--fsize=unlimited:unlimited")
    cut = max(recordings(stage, ".wav"), key=os.path.getmtime)
    assert 300_000 < os.path.getsize(cut) <= 500_000, os.path.getsize(cut)
    check_tone(*read(cut))
    stage.settle()
    tone.terminate()

    # a recording that is under way does not keep the window open, and leaves nothing
    begin(stage, 1)


play(record, True)
print("recording works")
