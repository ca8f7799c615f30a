#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test-greedy.py PROGRAM MODEL: the program and transformers make the same clips, taking the likeliest token always.

The same tokens decode to the same samples, and a single other token is heard at once (the samples would differ by a tenth, not by a
ten-thousandth), so the sound is what is compared. Skipped where torch and transformers are not installed: they are not needed to build.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

PROMPTS = ["drum beat", "slow piano chords in C major", "rain"]
SECONDS = 2
TOLERANCE = 1e-3


def with_transformers(model, tokenizer, prompt):
    frames = SECONDS * model.config.audio_encoder.sampling_rate // int(np.prod(model.config.audio_encoder.upsampling_ratios))
    with torch.no_grad():
        sound = model.generate(**tokenizer(prompt, return_tensors="pt"), do_sample=False, guidance_scale=3.0,
                               max_new_tokens=frames + model.config.decoder.num_codebooks - 1)
    return sound[0, 0].numpy()


def with_program(program, folder, prompt):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "clip.wav")
        subprocess.run([program, "generate", "-q", "-m", folder, "-t", "0", "-g", "3", "-d", str(SECONDS), "-p", "f32", "-f", "float", "-o", path, "--", prompt],
                       check=True, stdin=subprocess.DEVNULL)
        with open(path, "rb") as file:
            data = file.read()
    at = data.index(b"data") + 8
    size = int.from_bytes(data[at - 4:at], "little")
    return np.frombuffer(data[at:at + size], "<f4")


def main():
    program, folder = sys.argv[1:3]
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = MusicgenForConditionalGeneration.from_pretrained(folder, torch_dtype=torch.float32).eval()
    bad = 0
    for prompt in PROMPTS:
        ours, theirs = with_program(program, folder, prompt), with_transformers(model, tokenizer, prompt)
        far = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else float("inf")
        loud = float(np.abs(theirs).max())
        print(f"{prompt!r}: {ours.shape[0]} and {theirs.shape[0]} samples, peak {loud:.3f}, farthest apart {far:.2e}")
        bad += not (far <= TOLERANCE and loud > 0)
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
