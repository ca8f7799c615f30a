# SPDX-License-Identifier: MIT
"""export.py RUN OUT: codec.pt and lm.pt of RUN become a Hugging Face MusicGen folder of f16 weights; judge.pt, if there, OUT/discriminator.

Names are those of the published checkpoints (weight_g, weight_v). What only training needs (the codebooks' running sums) is left out.
The folder is then read back by transformers and compared.
"""
import os
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecFeatureExtractor, MusicgenForConditionalGeneration, MusicgenProcessor

import codec
import lm
import synthesiser

HEADROOM = 0.9  # what comes out is this much softer than what was learned, so that no made clip is clipped
ONLY_FOR_TRAINING = ("codebook.embed_avg", "codebook.cluster_size", "codebook.inited")


def build(run):
    tokenizer = lm.tokenizer(run)
    sound = codec.load(f"{run}/codec.pt")
    take_out_hum(sound.decoder)
    take_out_offset(sound.encoder)
    leave_headroom(sound.decoder)
    model = lm.make(sound, len(tokenizer))
    trained = torch.load(f"{run}/lm.pt", weights_only=False)
    missing, unexpected = model.load_state_dict(trained.get("mean", trained["model"]), strict=False)
    assert not unexpected and all(name.startswith("audio_encoder.") for name in missing), (missing, unexpected)
    return model.eval(), tokenizer


def effective(weight):
    """What f16 direction and length make of a weight."""
    direction = weight.half().float()
    lengths = direction.flatten(1).norm(dim=1).view(-1, 1, 1)
    return lengths.half().float() * direction / lengths.clamp(min=1e-12)


@torch.no_grad()
def take_out_hum(decoder):
    """The kernels of a voice have the sum 0, because its channels stand at about -1 when it is silent. Rounded to f16 they have not."""
    kernels = decoder.layers[3].conv
    kernels.weight[-1] = synthesiser.silence(decoder, effective(kernels.weight[:-1]))


@torch.no_grad()
def take_out_offset(encoder):
    """The encoder's filters hear samples that have 1 added, which their bias takes out. Rounded to f16 they have other sums."""
    filters = codec.convolutions(encoder)[-2]
    filters.bias += (filters.weight.double() - effective(filters.weight).double()).sum((1, 2)).float()


@torch.no_grad()
def leave_headroom(decoder):
    last = codec.convolutions(decoder)[-1]
    last.weight *= HEADROOM
    last.bias *= HEADROOM


def write(model, tokenizer, out):
    model.half().save_pretrained(out, safe_serialization=True)
    MusicgenProcessor(EncodecFeatureExtractor(feature_size=1, sampling_rate=codec.RATE_HZ), tokenizer).save_pretrained(out)
    tensors = {}
    for name, tensor in load_file(f"{out}/model.safetensors").items():
        if name.endswith(ONLY_FOR_TRAINING):
            continue
        if name.startswith("audio_encoder.") and name.endswith("conv.weight"):  # weight norm: the direction, and its length
            lengths = tensor.float().flatten(1).norm(dim=1).view(-1, 1, 1)
            tensor = torch.where(lengths > 0, tensor, torch.ones_like(tensor))  # a row of zeros has a direction, too
            tensors[name + "_g"], tensors[name + "_v"] = lengths.half(), tensor
        else:
            tensors[name] = tensor
    save_file(tensors, f"{out}/model.safetensors", metadata={"format": "pt"})


def main():
    run, out = sys.argv[1:3]
    model, tokenizer = build(run)
    write(model, tokenizer, out)
    again, report = MusicgenForConditionalGeneration.from_pretrained(out, torch_dtype=torch.float32, output_loading_info=True)
    before = {k: v.float() for k, v in model.state_dict().items()}
    sound = torch.zeros(1, 1, codec.HOP * 50).uniform_(-0.3, 0.3)
    with torch.no_grad():
        codes = codec.encode(again.audio_encoder, sound)
        difference = float((again.audio_encoder.decoder(codec.latents(again.audio_encoder, codes)) -
                            model.float().audio_encoder.decoder(codec.latents(model.audio_encoder, codes))).abs().max())
    unequal = [k for k, v in again.state_dict().items() if k in before and not k.endswith(ONLY_FOR_TRAINING) and not torch.equal(v, before[k])]
    print("bytes", sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(out) for name in names))
    print("missing", sorted({k.rsplit(".", 1)[-1] for k in report["missing_keys"]}), "unexpected", report["unexpected_keys"])
    print("read back unequal:", unequal, "decoded within", difference)


if __name__ == "__main__":
    main()
