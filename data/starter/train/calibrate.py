# SPDX-License-Identifier: MIT
"""calibrate.py DATA MODEL RUN [--clips N]: writes MODEL/discriminator: that of RUN/codec.pt (stage adversarial), and how it scores clips.

calibration.json has the percentiles of the mean logit of real clips and of the same clips through the codec, so that another clip's
score can be read against them.
"""
import argparse
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file

import codec
from discriminator import CONFIG, Discriminator

PERCENTILES = (5, 25, 50, 75, 95)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("run")
    parser.add_argument("--clips", type=int, default=96)
    args = parser.parse_args()
    torch.set_num_threads(1)
    judge = Discriminator().eval()
    judge.load_state_dict(torch.load(f"{args.run}/codec.pt", weights_only=False)["judge"])
    model = codec.load(f"{args.run}/codec.pt")
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")
    scores = {"real": [], "codec": []}
    for clip in clips[-args.clips:]:  # of the last twentieth, which no stage trains on
        sound = torch.from_numpy(clip.astype(np.float32) / 32768)[None]
        with torch.no_grad():
            made = model.decoder(codec.latents(model, codec.encode(model, sound[:, None])))[:, 0]
            for label, x in (("real", sound), ("codec", made)):
                scores[label].append(float(judge.score(x)))
    folder = f"{args.model}/discriminator"
    os.makedirs(folder, exist_ok=True)
    save_file({k: v.contiguous() for k, v in judge.state_dict().items()}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    with open(f"{folder}/config.json", "w") as file:
        json.dump(CONFIG, file, indent=1)
    calibration = {"trained": True, "n_clips": args.clips}
    for label, values in scores.items():
        calibration[label] = {f"p{p}": round(float(np.percentile(values, p)), 4) for p in PERCENTILES}
    with open(f"{folder}/calibration.json", "w") as file:
        json.dump(calibration, file, indent=1)
    print(calibration)


if __name__ == "__main__":
    main()
