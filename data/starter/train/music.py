# SPDX-License-Identifier: MIT
"""Procedural phrases: note events for fluidsynth, and what a caption may say about them.

The music is simple on purpose: a small model has to learn it in hours. Tempi are few, and their beats fall on frames of the codec.
"""
import random
import struct

MAJOR = [[0, 4, 5, 3], [0, 3, 4, 0], [0, 5, 3, 4]]
MINOR = [[0, 5, 2, 6], [0, 3, 4, 0], [0, 6, 5, 4]]
SCALES = {"major": [0, 2, 4, 5, 7, 9, 11], "minor": [0, 2, 3, 5, 7, 8, 10]}
KEYS = [0, 2, 4, 5, 7, 9]
MOOD_WORDS = {"major": ["happy", "cheerful", "joyful", "uplifting"], "minor": ["sad", "melancholic", "moody", "gloomy"]}
TEMPI = {"slow": [60, 75, 80], "medium": [100, 120], "fast": [150, 160]}
TEMPO_WORDS = {"slow": ["slow", "calm", "relaxed", "slow tempo"], "medium": ["medium tempo", "mid tempo", "moderate"],
               "fast": ["fast", "quick", "energetic", "upbeat", "fast tempo"]}

# kind: (General MIDI program, or None where synth.py plays it; lowest and highest note of the low and of the high register; styles)
INSTRUMENTS = {
    "bass guitar": (33, (28, 38), (38, 50), ["bassline"]),
    "acoustic guitar": (25, (43, 57), (57, 74), ["strum", "arpeggio"]),
    "electric piano": (4, (43, 57), (65, 82), ["chords", "melody"]),
    "piano": (0, (38, 54), (66, 84), ["chords", "arpeggio", "melody"]),
    "organ": (16, (43, 57), (65, 82), ["sustain", "chords"]),
    "strings": (48, (43, 57), (67, 84), ["sustain"]),
    "brass": (61, (43, 57), (60, 74), ["chords", "melody"]),
    "flute": (73, (60, 72), (74, 91), ["melody"]),
    "synth lead": (81, (48, 60), (67, 84), ["melody"]),
    "pad": (89, (43, 55), (64, 79), ["sustain"]),
    "pluck": (None, (45, 59), (67, 84), ["arpeggio", "melody"]),
    "bell": (14, (55, 67), (76, 91), ["melody"]),
}
STYLE_WORDS = {"chords": ["chords", "chord progression"], "arpeggio": ["arpeggio", "broken chords"], "melody": ["melody", "tune", "solo"],
               "strum": ["strumming", "strummed chords"], "bassline": ["groove", "riff", "line"],
               "sustain": ["long chords", "sustained chords", "drone"]}

KICK, SNARE, CLOSED_HAT, OPEN_HAT = 36, 38, 42, 46
# kind: genres; genre: {key: sixteenths of the bar}, tempi
PATTERNS = {
    "drums": {
        "rock": ({KICK: [0, 8, 10], SNARE: [4, 12], CLOSED_HAT: range(0, 16, 2)}, [75, 100, 120, 150]),
        "house": ({KICK: [0, 4, 8, 12], SNARE: [4, 12], OPEN_HAT: [2, 6, 10, 14]}, [120, 120, 150]),
        "hip hop": ({KICK: [0, 3, 7, 10], SNARE: [4, 12], CLOSED_HAT: range(0, 16, 2)}, [75, 80, 80, 100]),
    },
    "kick": {"": ({KICK: [0, 4, 8, 12]}, [60, 75, 100, 120, 150, 160])},
    "snare": {"": ({SNARE: [0, 4, 8, 12]}, [60, 75, 100, 120, 150, 160])},
    "hi-hat": {"": ({CLOSED_HAT: range(0, 16, 2)}, [60, 75, 100, 120, 150, 160])},
}
DRUM_CHANNEL = 9


def tempo_word(bpm):
    return next(word for word, limit in (("slow", 90), ("medium", 130), ("fast", 999)) if bpm < limit)


def note(events, start, length, channel, key, velocity, end):
    if start < end - 0.03:
        events.append((start, bytes([0x90 | channel, key, max(1, min(127, int(velocity)))])))
        events.append((min(start + length, end), bytes([0x80 | channel, key, 0])))


def into(key, low, high):
    while key < low:
        key += 12
    while key > high:
        key -= 12
    return key


def chord(root, scale, degree):
    return [48 + root + scale[(degree + i) % 7] + 12 * ((degree + i) // 7) for i in (0, 2, 4)]


def phrase(r, kind, channel, root, mode, bpm, chords, seconds, register, style):
    """A phrase of bars of four beats, one chord each (two beats where the tempo is slow)."""
    program, low, high = INSTRUMENTS[kind][:3]
    bounds = low if register == "low" else high
    scale, beat = SCALES[mode], 60 / bpm
    events = [(0, bytes([0xC0 | channel, program]))] if program is not None else []
    n_beats = 4 if bpm >= 100 else 2
    turn = r.choice([[0, 1, 2, 1], [0, 1, 2, 3], [2, 1, 0, 1]])
    keep = [True] + [r.random() < 0.75 for _ in range(7)]
    velocity, degree, start, bar = 96, r.randint(0, 6), 0.0, 0
    while start < seconds:
        keys = sorted(into(k, *bounds) for k in chord(root, scale, chords[bar % 4]))
        if style == "sustain":
            for key in keys:
                note(events, start, n_beats * beat * 0.98, channel, key, velocity, seconds)
        elif style in ("chords", "strum"):
            for hit in range(n_beats):
                for j, key in enumerate(keys):
                    note(events, start + hit * beat + (0.02 * j if style == "strum" else 0), beat * 0.9, channel, key, velocity, seconds)
        elif style == "arpeggio":
            steps = keys + [min(keys[0] + 12, 100)]
            for i in range(2 * n_beats):
                note(events, start + i * beat / 2, beat * 0.55, channel, steps[turn[i % 4]], velocity, seconds)
        elif style == "bassline":
            for i in range(2 * n_beats):
                if keep[i % 8]:
                    note(events, start + i * beat / 2, beat * 0.42, channel, into(keys[0], *bounds), velocity + 8, seconds)
        else:
            at = 0.0
            while at < n_beats * beat - 1e-6:
                length = r.choice([1, 1, 1, 0.5]) * beat if at + beat <= n_beats * beat + 1e-6 else 0.5 * beat
                degree = max(0, min(9, degree + r.choice([-2, -1, 1, 2])))
                key = into(60 + root + scale[degree % 7] + 12 * (degree // 7), *bounds)
                note(events, start + at, length * 0.95, channel, key, velocity, seconds)
                at += length
        start += n_beats * beat
        bar += 1
    return events


def drums(r, kind, genre, bpm, seconds):
    pattern, sixteenth = PATTERNS[kind][genre][0], 15 / bpm
    events, step = [(0, bytes([0xC0 | DRUM_CHANNEL, 0]))], 0
    while step * sixteenth < seconds:
        for key, steps in pattern.items():
            if step % 16 in steps:
                loud = {KICK: 118, SNARE: 110}.get(key, 84)
                note(events, step * sixteenth, 0.1, DRUM_CHANNEL, key, loud + r.randint(-4, 4), seconds)
        step += 1
    return events


MIXES = [["drums", "bass guitar"], ["drums", "piano"], ["drums", "bass guitar", "organ"], ["piano", "strings"], ["flute", "pad"],
         ["drums", "bass guitar", "electric piano"], ["acoustic guitar", "flute"], ["drums", "synth lead"]]


def make(r, kind, seconds):
    """A phrase of one kind, or of 'mix'. Returns note events and attributes."""
    mode, root = r.choice(["major", "minor"]), r.choice(KEYS)
    chords = r.choice(MAJOR if mode == "major" else MINOR)
    about = {"kind": kind, "parts": [kind], "genre": "", "style": "", "mood": mode, "register": ""}
    if kind in PATTERNS:
        about["genre"] = genre = r.choice(list(PATTERNS[kind]))
        about["bpm"] = bpm = r.choice(PATTERNS[kind][genre][1])
        about["mood"] = ""
        return drums(r, kind, genre, bpm, seconds), about
    about["bpm"] = bpm = r.choice(TEMPI[r.choice(list(TEMPI))])
    if kind != "mix":
        about["style"] = style = r.choice(INSTRUMENTS[kind][3])
        about["register"] = register = r.choice(["low", "high"])
        return phrase(r, kind, 0, root, mode, bpm, chords, seconds, register, style), about
    about["parts"], events = r.choice(MIXES), []
    for channel, part in enumerate(about["parts"]):
        if part == "drums":
            about["genre"] = r.choice(list(PATTERNS["drums"]))
            events += drums(r, part, about["genre"], bpm, seconds)
        else:
            register = "low" if part in ("bass guitar", "pad", "strings") else "high"
            events += phrase(r, part, channel, root, mode, bpm, chords, seconds, register, r.choice(INSTRUMENTS[part][3]))
    return events, about


def midi_file(events):
    """Standard MIDI File of one track, a tick is 1 ms."""
    def order(event):
        status = event[1][0] & 0xF0
        return event[0], status != 0xC0, status == 0x90

    out, last = bytearray(b"\x00\xff\x51\x03" + (500000).to_bytes(3, "big")), 0
    for tick, message in sorted(((int(t * 1000), b) for t, b in events), key=order):
        delta, last = tick - last, tick
        groups = [delta & 127]
        while delta := delta >> 7:
            groups.insert(0, delta & 127 | 128)
        out += bytes(groups) + message
    out += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 500) + b"MTrk" + struct.pack(">I", len(out)) + bytes(out)
