#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-audiocraft.py MODEL FOLDER: a model of the published shapes in AudioCraft's own files, with random weights, for measuring (it makes
noise). MODEL is musicgen-small, musicgen-melody, audiogen-medium or magnet-small. The text encoder goes beside it, into FOLDER/t5-base or t5-large.

Needs torch and safetensors. The tokenizer is the starter model's: it gives ids that T5's table has."""
import argparse
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

# width, layers, heads, text encoder, rate, upsampling ratios, seconds
MODELS = {"musicgen-small": (1024, 24, 16, "t5-base", 32000, [8, 5, 4, 4], 30),
          "musicgen-melody": (1536, 48, 24, "t5-base", 32000, [8, 5, 4, 4], 30),
          "audiogen-medium": (1536, 48, 24, "t5-large", 16000, [8, 5, 4, 2], 10),
          "magnet-small": (1024, 24, 16, "t5-base", 32000, [8, 5, 4, 4], 10)}
TEXTS = {"t5-base": (768, 12, 12, 3072), "t5-large": (1024, 24, 16, 4096)}  # width, layers, heads, inner
CODES, FILTERS, LATENT, NOTES = 2048, 64, 128, 12


def some(*shape, dtype=torch.float16):
    return (torch.randn(*shape) * 0.02).to(dtype)


def language_model(width, layers, text_width, melody):
    state = OrderedDict()
    head = "condition_provider.conditioners.description.output_proj."
    state[head + "weight"], state[head + "bias"] = some(width, text_width), some(width)
    if melody:
        head = "condition_provider.conditioners.self_wav.output_proj."
        state[head + "weight"], state[head + "bias"] = some(width, NOTES), some(width)
    for k in range(4):
        state[f"emb.{k}.weight"] = some(CODES + 1, width)
    for i in range(layers):
        layer = f"transformer.layers.{i}."
        for attention in ("self_attn",) if melody else ("self_attn", "cross_attention"):
            state[f"{layer}{attention}.in_proj_weight"] = some(3 * width, width)
            state[f"{layer}{attention}.out_proj.weight"] = some(width, width)
        state[layer + "linear1.weight"], state[layer + "linear2.weight"] = some(4 * width, width), some(width, 4 * width)
        for norm in ("norm1", "norm2") if melody else ("norm1", "norm2", "norm_cross"):
            state[f"{layer}{norm}.weight"], state[f"{layer}{norm}.bias"] = torch.ones(width).half(), torch.zeros(width).half()
    state["out_norm.weight"], state["out_norm.bias"] = torch.ones(width).half(), torch.zeros(width).half()
    for k in range(4):
        state[f"linears.{k}.weight"] = some(CODES, width)
    return state


def codec(ratios):
    state = OrderedDict()

    def conv(name, c_out, c_in, kernel, first=None):
        first = first or c_out
        state[name + ".weight_g"], state[name + ".bias"] = torch.ones(first, 1, 1), torch.zeros(c_out)
        state[name + ".weight_v"] = some(*((c_in, c_out, kernel) if first != c_out or name.endswith("convtr") else (c_out, c_in, kernel)), dtype=torch.float32)

    def lstm(name, c):
        for i in range(2):
            for part in ("ih", "hh"):
                state[f"{name}.weight_{part}_l{i}"], state[f"{name}.bias_{part}_l{i}"] = some(4 * c, c, dtype=torch.float32), torch.zeros(4 * c)

    def block(name, c):
        conv(f"{name}.block.1.conv.conv", c // 2, c, 3)
        conv(f"{name}.block.3.conv.conv", c, c // 2, 1)

    c, at = FILTERS, 1
    conv("encoder.model.0.conv.conv", c, 1, 7)
    for ratio in reversed(ratios):
        block(f"encoder.model.{at}", c)
        conv(f"encoder.model.{at + 2}.conv.conv", 2 * c, c, 2 * ratio)
        c, at = 2 * c, at + 3
    lstm(f"encoder.model.{at}.lstm", c)
    conv(f"encoder.model.{at + 2}.conv.conv", LATENT, c, 7)
    conv("decoder.model.0.conv.conv", c, LATENT, 7)
    lstm("decoder.model.1.lstm", c)
    at = 3
    for ratio in ratios:
        conv(f"decoder.model.{at}.convtr.convtr", c // 2, c, 2 * ratio, first=c)
        block(f"decoder.model.{at + 1}", c // 2)
        c, at = c // 2, at + 3
    conv(f"decoder.model.{at}.conv.conv", 1, c, 7)
    for k in range(4):
        state[f"quantizer.vq.layers.{k}._codebook.embed"] = torch.randn(CODES, LATENT)
    return state


def text_encoder(name, folder):
    width, layers, heads, inner = TEXTS[name]
    tensors = {"shared.weight": torch.randn(32128, width), "encoder.final_layer_norm.weight": torch.ones(width),
               "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": some(32, heads, dtype=torch.float32)}
    for i in range(layers):
        block = f"encoder.block.{i}.layer."
        for part in "qkvo":
            tensors[f"{block}0.SelfAttention.{part}.weight"] = some(width, width, dtype=torch.float32)
        tensors[block + "1.DenseReluDense.wi.weight"] = some(inner, width, dtype=torch.float32)
        tensors[block + "1.DenseReluDense.wo.weight"] = some(width, inner, dtype=torch.float32)
        tensors[block + "0.layer_norm.weight"], tensors[block + "1.layer_norm.weight"] = torch.ones(width), torch.ones(width)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "t5", "vocab_size": 32128, "d_model": width, "d_kv": 64, "d_ff": inner, "num_layers": layers, "num_heads": heads,
              "feed_forward_proj": "relu"}
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(Path(__file__).parents[2] / "data/starter/model/tokenizer.json", folder)


def lm_config(model, width, layers, heads, text, rate, seconds):
    magnet, melody = model.startswith("magnet"), model == "musicgen-melody"
    conditioners = {"description": {"model": "t5", "t5": {"name": text, "finetune": False, "normalize_text": False}}}
    if melody:
        conditioners["self_wav"] = {"model": "chroma_stem", "chroma_stem": {"sample_rate": rate, "n_chroma": NOTES, "radix2_exp": 14, "argmax": True}}
    pattern = {"modeling": "parallel", "parallel": {"empty_initial": -1}} if magnet else {
        "modeling": "delay", "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0, "empty_initial": 0}}
    return {  # JSON is YAML, too
        "solver": model.split("-")[0], "sample_rate": rate, "channels": 1, "lm_model": "transformer_lm_magnet" if magnet else "transformer_lm",
        "codebooks_pattern": pattern, "card": CODES,
        "transformer_lm": {"dim": width, "num_heads": heads, "num_layers": layers, "hidden_scale": 4, "n_q": 4, "card": "${card}",
                           "activation": "gelu", "norm_first": True, "bias_ff": False, "bias_attn": False, "bias_proj": False,
                           "causal": not magnet, "positional_embedding": "sin"},
        "classifier_free_guidance": {"inference_coef": 3.0}, "fuser": {"cross": [] if melody else ["description"], "prepend": ["self_wav", "description"] if melody else [], "sum": []},
        "conditioners": conditioners,
        "dataset": {"segment_duration": seconds}, "masking": {"span_len": 3}}


def codec_config(rate, ratios):
    return {"sample_rate": rate, "channels": 1, "compression_model": "encodec",
            "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": "${sample_rate}", "channels": "${channels}", "causal": False},
            "seanet": {"dimension": LATENT, "channels": "${channels}", "causal": "${encodec.causal}", "n_filters": FILTERS, "n_residual_layers": 1,
                       "ratios": ratios, "norm": "weight_norm", "pad_mode": "constant", "true_skip": True, "compress": 2, "lstm": 2,
                       "decoder": {"trim_right_ratio": 1.0}, "encoder": {}},
            "rvq": {"n_q": 4, "bins": CODES}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    width, layers, heads, text, rate, ratios, seconds = MODELS[args.model]
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.save({"best_state": language_model(width, layers, TEXTS[text][0], args.model == "musicgen-melody"), "xp.cfg": json.dumps(lm_config(args.model, width, layers, heads, text, rate, seconds)),
                "version": "1.4.0", "exported": True}, args.folder / "state_dict.bin")
    torch.save({"best_state": codec(ratios), "xp.cfg": json.dumps(codec_config(rate, ratios)), "version": "1.4.0", "exported": True},
               args.folder / "compression_state_dict.bin")
    text_encoder(text, args.folder / text)


if __name__ == "__main__":
    main()
