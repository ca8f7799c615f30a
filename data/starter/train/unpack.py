# SPDX-License-Identifier: MIT
"""unpack.py MODEL RUN: makes training checkpoints of a model folder, so that a sitting goes on from the model that is in the repository.

Its codebooks' running means start anew (only the stage `reconstruct` needs them), and so do the optimizers.
"""
import os
import sys

import torch
from safetensors.torch import load_file
from transformers import T5TokenizerFast

import codec


def plain(tensors):
    """weight_g and weight_v become the weight that they stand for."""
    out = dict(tensors)
    for name in tensors:
        if name.endswith("weight_v"):
            v, g = out.pop(name), out.pop(name[:-1] + "g")
            out[name[:-2]] = v * (g / v.flatten(1).norm(dim=1).view_as(g))
    return out


def main():
    folder, run = sys.argv[1:3]
    os.makedirs(run, exist_ok=True)
    tensors = {k: v.float() for k, v in load_file(f"{folder}/model.safetensors").items()}
    codec_part = {k.removeprefix("audio_encoder."): v for k, v in tensors.items() if k.startswith("audio_encoder.")}
    model = codec.for_training(codec.make())
    missing, unexpected = model.load_state_dict(plain(codec_part), strict=False)
    assert not unexpected and all(k.endswith(("embed_avg", "cluster_size", "inited")) for k in missing), (missing, unexpected)
    for layer in model.quantizer.layers:
        layer.codebook.embed_avg.copy_(layer.codebook.embed)
        layer.codebook.cluster_size.fill_(1.0)
    torch.save({"model": model.state_dict(), "stage": "unpacked", "step": 0}, f"{run}/codec.pt")
    torch.save({"model": {k: v for k, v in tensors.items() if not k.startswith("audio_encoder.")}, "step": 0}, f"{run}/lm.pt")
    T5TokenizerFast.from_pretrained(folder).save_pretrained(f"{run}/tokenizer")
    print(run, "holds the codec, the language model and the tokenizer of", folder)


if __name__ == "__main__":
    main()
