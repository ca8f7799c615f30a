"""export.py RUN OUT [CODEC]: lm.pt and CODEC (codec.pt) of RUN become a Hugging Face MusicGen folder of f16 weights.

Names are those of the published checkpoints (weight_g, weight_v). What only training needs (the codebooks' running sums) and
positions that a clip never reaches are left out. The folder is then read back by transformers and compared.
"""
import os
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecFeatureExtractor, MusicgenForConditionalGeneration, MusicgenProcessor

import codec
import lm

N_POSITIONS = 208  # 200 frames, the delay of four codebooks, and room
ONLY_FOR_TRAINING = ("codebook.embed_avg", "codebook.cluster_size", "codebook.inited")


def build(run, codec_file):
    trained = torch.load(f"{run}/{codec_file}", weights_only=False)
    codec_model = codec.make(**trained["cfg"])
    codec_model.load_state_dict(trained["model"])
    tokenizer = lm.tokenizer(run)
    state = torch.load(f"{run}/lm.pt", weights_only=False)
    model = lm.make(codec_model, len(tokenizer), **state["cfg"])
    model.load_state_dict(state["model"], strict=False)
    positions = model.decoder.model.decoder.embed_positions
    positions.weights = torch.nn.Parameter(positions.weights[:N_POSITIONS].clone(), requires_grad=False)
    model.config.decoder.max_position_embeddings = model.decoder.config.max_position_embeddings = N_POSITIONS
    return model.eval(), tokenizer


def write(model, tokenizer, out):
    model.half().save_pretrained(out, safe_serialization=True)
    MusicgenProcessor(EncodecFeatureExtractor(feature_size=1, sampling_rate=codec.SR), tokenizer).save_pretrained(out)
    path = f"{out}/model.safetensors"
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = {}
    for name, tensor in load_file(path).items():
        if name.endswith(ONLY_FOR_TRAINING):
            continue
        for old, new in names.items():
            name = name.replace(old, new)
        tensors[name] = tensor
    save_file(tensors, path, metadata={"format": "pt"})
    for name in ("tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json"):
        assert os.path.exists(f"{out}/{name}")


def main():
    run, out = sys.argv[1:3]
    model, tokenizer = build(run, sys.argv[3] if len(sys.argv) > 3 else "codec.pt")
    write(model, tokenizer, out)
    again, report = MusicgenForConditionalGeneration.from_pretrained(out, torch_dtype=torch.float16, output_loading_info=True)
    before = model.state_dict()
    unequal = [k for k, v in again.state_dict().items() if not k.endswith(ONLY_FOR_TRAINING) and not torch.equal(v, before[k])]
    print("bytes", sum(os.path.getsize(f"{out}/{name}") for name in os.listdir(out)))
    print("missing", sorted({k.rsplit(".", 1)[-1] for k in report["missing_keys"]}), "unexpected", report["unexpected_keys"])
    print("read back unequal:", unequal)


if __name__ == "__main__":
    main()
