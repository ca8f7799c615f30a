# SPDX-License-Identifier: MIT
"""Captions from attributes, in many wordings. The words of HELD_OUT's templates are for judge.py alone: no training caption is made by them."""
import music

NAMES = {
    "drums": ["drums", "drum beat", "drum kit", "drum loop", "beat", "drum groove"],
    "kick": ["kick drum", "kick", "bass drum", "kick drum hits"],
    "snare": ["snare", "snare drum", "snare hits", "snare drum hits"],
    "hi-hat": ["hi-hat", "hi hat", "hihat", "closed hi-hats", "hi hats"],
    "bass guitar": ["bass guitar", "electric bass", "bass", "bass line", "bassline"],
    "acoustic guitar": ["acoustic guitar", "guitar", "steel string guitar", "strummed guitar"],
    "electric piano": ["electric piano", "rhodes", "rhodes piano", "electric keys"],
    "piano": ["piano", "grand piano", "acoustic piano", "pianist playing"],
    "organ": ["organ", "hammond organ", "electric organ", "drawbar organ"],
    "strings": ["strings", "string section", "orchestral strings", "string ensemble", "violins"],
    "brass": ["brass", "brass section", "trumpets and trombones", "horn section", "horns"],
    "flute": ["flute", "flute solo", "flute melody", "wooden flute"],
    "synth lead": ["synth lead", "lead synth", "synthesizer lead", "saw lead", "lead synthesizer"],
    "pad": ["pad", "synth pad", "warm pad", "ambient pad"],
    "pluck": ["pluck", "synth pluck", "plucked synth", "plucky synth"],
    "bell": ["bell", "bells", "tubular bells", "church bells", "chimes"],
    "rain": ["rain", "rain falling", "rainfall", "rain shower"],
    "wind": ["wind", "wind blowing", "breeze", "gusts of wind", "howling wind"],
    "ocean": ["ocean", "ocean waves", "sea waves", "waves on a beach", "surf", "waves"],
    "thunder": ["thunder", "thunderstorm", "rolling thunder", "thunder rumbling"],
    "fire": ["fire", "crackling fire", "campfire", "fireplace", "burning wood"],
    "footsteps": ["footsteps", "steps", "someone walking", "person walking"],
    "knock": ["door knock", "knocking on a door", "knocking", "knock on wood", "someone knocking"],
    "engine": ["engine", "car engine", "motor", "engine running", "motor running"],
    "siren": ["siren", "emergency siren", "police siren", "ambulance siren"],
    "alarm": ["alarm", "alarm beeping", "alarm clock", "beeping alarm", "beeps"],
    "laser": ["laser", "laser gun", "laser shots", "sci fi blaster", "ray gun"],
    "explosion": ["explosion", "blast", "bomb exploding", "explosions", "boom"],
    "bubbles": ["bubbles", "bubbling water", "water bubbles", "bubbles underwater"],
    "birds": ["birds", "birds chirping", "bird song", "birds singing", "birdsong"],
    "insects": ["insects", "crickets", "crickets chirping", "insects at night", "cicadas"],
    "clock": ["clock ticking", "ticking clock", "tick tock", "clock"],
    "phone": ["phone ringing", "telephone ring", "ringing phone", "telephone"],
    "heartbeat": ["heartbeat", "heart beating", "heart beat", "pulse of a heart"],
}
PACE_WORDS = {"slow": ["slow", "slow paced", "unhurried"], "fast": ["fast", "rapid", "quick"]}
LEVEL_WORDS = {"loud": ["loud", "very loud", "powerful"], "soft": ["soft", "quiet", "very quiet", "faint"]}
COLOUR_WORDS = {"bright": ["bright", "bright sounding", "crisp"], "dark": ["dark", "muffled", "dull"]}
SPACE_WORDS = {"near": ["close", "near", "dry"], "far": ["far away", "distant", "with lots of reverb", "in a large hall"]}
REGISTER_WORDS = {"low": ["low", "low pitched", "deep"], "high": ["high", "high pitched", "in the high register"]}
FILLERS = ["beautiful", "clean", "recorded", "at night", "in the background", "outside", "lo-fi", "cinematic", "in the morning", "nice", "single",
           "isolated", "simple", "on its own", "real", "game", "for a film", "old", "modern", "classic"]
FRAMES = ["{}", "{}", "{}", "{}", "a {}", "the {}", "some {}", "sound of {}", "the sound of {}", "{} sound", "{} sound effect", "recording of {}",
          "{} loop", "{} sample", "music with {}", "{} playing", "solo {}"]
HELD_OUT = ["please make {}", "I would like to hear {}", "give me {} for my track", "audio clip: {}", "an example of {}", "{}, thank you"]

PLAIN = 0.15  # of the captions that say nothing but what it is


def words(r, about, chance=0.7):
    """What else a caption says: most of what was set, in any order, and now and then words that mean nothing here."""
    out = []
    def say(table, key, p):
        if about.get(key) and r.random() < p:
            out.append(r.choice(table[about[key]]))

    if "bpm" in about and r.random() < chance:
        bpm = about["bpm"]
        out.append(f"{bpm} bpm" if r.random() < 0.35 else r.choice(music.TEMPO_WORDS[music.tempo_word(bpm)]))
    say(PACE_WORDS, "pace", chance)
    say(REGISTER_WORDS, "register", chance)
    say(LEVEL_WORDS, "level", 0.9)
    say(COLOUR_WORDS, "colour", 0.9)
    say(SPACE_WORDS, "space", 0.9)
    say(music.MOOD_WORDS, "mood", 0.35)
    say(music.STYLE_WORDS, "style", 0.35)
    if r.random() < 0.2:
        out.append(r.choice(FILLERS))
    r.shuffle(out)
    return out


def name(r, about):
    names = [r.choice(NAMES[part]) for part in about["parts"]]
    if about.get("genre") and r.random() < 0.85:
        names[about["parts"].index("drums")] = about["genre"] + " " + r.choice(NAMES["drums"])
    r.shuffle(names)
    return r.choice([" and ", " with ", ", "]).join(names) if len(names) < 3 else f"{names[0]}, {names[1]} and {names[2]}"


def caption(r, about, frames=FRAMES, chance=0.7):
    subject, more = name(r, about), [] if r.random() < PLAIN else words(r, about, chance)
    cut = r.randint(0, len(more))
    before, after = (more[:cut], more[cut:])
    if r.random() < 0.3:
        text = ", ".join([r.choice(frames).format(subject)] + more)
    else:
        text = r.choice(frames).format(" ".join(before + [subject])) + ((r.choice([", ", " "]) + ", ".join(after)) if after else "")
    return text.replace("  ", " ")
