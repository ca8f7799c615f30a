# SPDX-License-Identifier: MIT
"""A MusicGen Melody of transformers' as AudioCraft's pair of files, its text encoder beside them: to_audiocraft (source, out, seconds).

The configuration is written as audiocraft's config/conditioner/chroma2music.yaml is resolved into a checkpoint, with its switches of training.
"""
import json
import os
import re
import shutil
import struct

import torch_file
from convert import write

LAYER = (("self_attn_layer_norm", "norm1"), ("final_layer_norm", "norm2"), ("fc1", "linear1"), ("fc2", "linear2"))


def read(path):
    """name -> (type, shape, bytes)"""
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    at = 8 + n
    return {name: (entry["dtype"], entry["shape"], data[at + entry["data_offsets"][0]:at + entry["data_offsets"][1]])
            for name, entry in json.loads(data[8:at]).items() if name != "__metadata__"}


def identity(n):
    return "F32", [n, n], b"".join(struct.pack("<f", i == j) for i in range(n) for j in range(n))


def language_model(tensors, width):
    # transformers leaves it away where the widths are equal; AudioCraft always has it
    description = "condition_provider.conditioners.description.output_proj."
    state = {description + "weight": identity(width), description + "bias": ("F32", [width], bytes(4 * width))}
    for name, (kind, shape, data) in tensors.items():
        for theirs, ours in (("audio_enc_to_dec_proj.", "condition_provider.conditioners.self_wav.output_proj."),
                             ("enc_to_dec_proj.", "condition_provider.conditioners.description.output_proj."),
                             ("decoder.lm_heads.", "linears."), ("decoder.model.decoder.embed_tokens.", "emb."),
                             ("decoder.model.decoder.layer_norm.", "out_norm."), ("decoder.model.decoder.layers.", "transformer.layers.")):
            if name.startswith(theirs):
                name = ours + name[len(theirs):]
                break
        else:
            continue
        for theirs, ours in LAYER:
            name = name.replace(f".{theirs}.", f".{ours}.")
        if re.search(r"\.[kv]_proj\.weight$", name):
            continue
        if name.endswith("q_proj.weight"):
            stem = f"decoder.model.decoder.{name[len('transformer.'):-len('q_proj.weight')]}"
            data = b"".join(tensors[f"{stem}{letter}_proj.weight"][2] for letter in "qkv")
            name, shape = name.replace("q_proj.weight", "in_proj_weight"), [3 * shape[0], shape[1]]
        state[name] = (kind, shape, data)
    # a buffer of the chroma's spectrum, which checkpoints carry and nobody reads
    state["condition_provider.conditioners.self_wav.chroma.spec.window"] = ("F32", [16], bytes(64))
    return state


def codec(tensors, ratios):
    n = len(ratios)
    raised = [3 + 3 * i for i in range(n)]  # the decoder's transposed convolutions
    for name, tensor in tensors.items():
        if not name.startswith("audio_encoder."):
            continue
        name = name[len("audio_encoder."):].replace(".layers.", ".model.", 1) if "quantizer" not in name else name[len("audio_encoder."):]
        found = re.match(r"decoder\.model\.(\d+)\.conv\.", name)
        if found and int(found.group(1)) in raised:
            name = name.replace(".conv.", ".convtr.convtr.", 1)
        elif "quantizer" in name:
            name = name.replace("quantizer.layers", "quantizer.vq.layers").replace(".codebook.", "._codebook.")
        elif ".conv." in name:
            name = name.replace(".conv.", ".conv.conv.", 1)
        yield name, tensor


def to_audiocraft(source, out, seconds, **stem):
    """@stem: what chroma_stem has otherwise than published."""
    config = json.load(open(os.path.join(source, "config.json")))
    lm, text, sound = config["decoder"], config["text_encoder"], config["audio_encoder"]
    tensors = read(os.path.join(source, "model.safetensors"))
    chroma = {"sample_rate": "${sample_rate}", "n_chroma": config["num_chroma"], "radix2_exp": 14, "argmax": True, "match_len_on_eval": False,
              "eval_wavs": None, "n_eval_wavs": 100, "cache_path": "/where/it/was/trained", **stem}
    lm_config = {  # JSON is YAML, too
        "solver": "musicgen", "sample_rate": sound["sampling_rate"], "channels": 1, "lm_model": "transformer_lm",
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0, "empty_initial": 0}},
        "transformer_lm": {"dim": lm["hidden_size"], "num_heads": lm["num_attention_heads"], "num_layers": lm["num_hidden_layers"],
                           "hidden_scale": lm["ffn_dim"] / lm["hidden_size"], "n_q": lm["num_codebooks"], "card": lm["vocab_size"],
                           "activation": "gelu", "norm_first": True, "bias_ff": False, "bias_attn": False, "bias_proj": False, "causal": True,
                           "positional_embedding": "sin"},
        "classifier_free_guidance": {"training_dropout": 0.2, "inference_coef": 3.0},
        "attribute_dropout": {"args": {"active_on_eval": False}, "text": {}, "wav": {"self_wav": 0.5}},
        "fuser": {"cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1, "sum": [], "prepend": ["self_wav", "description"], "cross": [],
                  "input_interpolate": []},
        "conditioners": {"self_wav": {"model": "chroma_stem", "chroma_stem": chroma},
                         "description": {"model": "t5", "t5": {"name": "t5-base", "finetune": False, "word_dropout": 0.2, "normalize_text": False}}},
        "dataset": {"segment_duration": seconds}}
    ratios = sound["upsampling_ratios"]
    codec_config = {
        "sample_rate": sound["sampling_rate"], "channels": 1, "compression_model": "encodec",
        "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": "${sample_rate}", "channels": "${channels}", "causal": False},
        "seanet": {"dimension": sound["hidden_size"], "channels": "${channels}", "causal": "${encodec.causal}", "n_filters": sound["num_filters"],
                   "n_residual_layers": 1, "ratios": ratios, "norm": "weight_norm", "pad_mode": sound["pad_mode"], "true_skip": True, "compress": 2,
                   "lstm": 2, "decoder": {"trim_right_ratio": 1.0}, "encoder": {}},
        "rvq": {"n_q": lm["num_codebooks"], "bins": sound["codebook_size"]}}
    os.makedirs(os.path.join(out, "t5-base"))
    torch_file.save(os.path.join(out, "state_dict.bin"), language_model(tensors, lm["hidden_size"]), xp_cfg=json.dumps(lm_config), version="1.4.0", exported=True)
    torch_file.save(os.path.join(out, "compression_state_dict.bin"), dict(codec(tensors, ratios)), xp_cfg=json.dumps(codec_config), version="1.4.0",
                    exported=True)
    json.dump(text, open(os.path.join(out, "t5-base", "config.json"), "w"))
    shutil.copy(os.path.join(source, "tokenizer.json"), os.path.join(out, "t5-base"))
    write(os.path.join(out, "t5-base", "model.safetensors"),
          {name[len("text_encoder."):]: tensor for name, tensor in tensors.items() if name.startswith("text_encoder.")})
