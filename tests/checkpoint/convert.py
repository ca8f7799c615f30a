# SPDX-License-Identifier: MIT
"""AudioCraft's pair of files as a folder of transformers': convert.py AC_FOLDER T5_FOLDER OUT

Reads the zip with Python's own unpickler, which is given what it may find; so that the engine's reader is compared with another one.
"""
import json
import math
import os
import pickle
import re
import shutil
import struct
import sys
import zipfile

TYPES = {"FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2)}


class Dict(dict):
    def __setstate__(self, state):
        pass


def rebuild(storage, offset, size, stride, *_):
    kind, width, data = storage
    return kind, list(size), data[offset * width:(offset + math.prod(size)) * width]


class Reader(pickle.Unpickler):
    def __init__(self, archive, folder):
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return Dict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild
        return TYPES[name]

    def persistent_load(self, found):
        _, (kind, width), key, _, _ = found
        return kind, width, self.archive.read(f"{self.folder}/data/{key}")


def read(path):
    with zipfile.ZipFile(path) as archive:
        return Reader(archive, archive.namelist()[0].split("/")[0]).load()


def field(text, name, pattern=r"\S+"):
    return re.search(rf"^\s*{name}: ({pattern})$", text, re.M).group(1)


def language_model(state):
    for name, (kind, shape, data) in state.items():
        name = name.replace("condition_provider.conditioners.description.output_proj", "enc_to_dec_proj")
        for ours, theirs in (("emb", "decoder.model.decoder.embed_tokens"), ("linears", "decoder.lm_heads")):
            name = re.sub(rf"^{ours}\.", theirs + ".", name)
        name = re.sub(r"^out_norm\.", "decoder.model.decoder.layer_norm.", name)
        name = re.sub(r"^transformer\.layers\.", "decoder.model.decoder.layers.", name)
        for ours, theirs in (("norm1", "self_attn_layer_norm"), ("norm2", "final_layer_norm"), ("norm_cross", "encoder_attn_layer_norm"),
                             ("linear1", "fc1"), ("linear2", "fc2"), ("cross_attention", "encoder_attn")):
            name = name.replace(f".{ours}.", f".{theirs}.")
        if name.endswith("in_proj_weight"):
            third = len(data) // 3
            for i, letter in enumerate("qkv"):
                yield name.replace("in_proj_weight", f"{letter}_proj.weight"), (kind, [shape[0] // 3, shape[1]], data[i * third:(i + 1) * third])
        else:
            yield name, (kind, shape, data)


def codec(state):
    for name, tensor in state.items():
        name = name.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".conv.").replace(".model.", ".layers.")
        name = name.replace("quantizer.vq.layers", "quantizer.layers").replace("._codebook.", ".codebook.")
        yield "audio_encoder." + name, tensor


def positions(n, width):
    half = width // 2
    rows = []
    for p in range(n):
        phases = [p / 10000 ** (i / (half - 1)) for i in range(half)]
        rows += [math.cos(x) for x in phases] + [math.sin(x) for x in phases]
    return "F32", [n, width], struct.pack(f"<{len(rows)}f", *rows)


def text_encoder(folder):
    data = open(os.path.join(folder, "model.safetensors"), "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield "text_encoder." + name, (entry["dtype"], entry["shape"], data[8 + n + begin:8 + n + end])


def write(path, tensors):
    header, at = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def convert(source, t5, out):
    lm, sound = read(os.path.join(source, "state_dict.bin")), read(os.path.join(source, "compression_state_dict.bin"))
    text, sound_text = lm["xp.cfg"], sound["xp.cfg"]
    width, n_q, rate = int(field(text, "dim")), int(field(text, "n_q")), int(field(text, "sample_rate"))
    ratios = [int(x) for x in re.search(r"ratios:\n((?:\s*- \d+\n)+)", sound_text).group(1).replace("-", " ").split()]
    frames = int(field(text, "segment_duration")) * rate // math.prod(ratios)
    bins = int(field(sound_text, "bins"))
    config = {
        "model_type": "musicgen",
        "text_encoder": json.load(open(os.path.join(t5, "config.json"))),
        "decoder": {"vocab_size": int(field(text, "card")), "num_codebooks": n_q, "hidden_size": width, "activation_function": "gelu",
                    "num_attention_heads": int(field(text, "num_heads")), "ffn_dim": width * int(field(text, "hidden_scale")),
                    "num_hidden_layers": int(field(text, "num_layers")), "max_position_embeddings": frames + n_q - 1},
        "audio_encoder": {"model_type": "encodec", "sampling_rate": rate, "num_filters": int(field(sound_text, "n_filters")),
                          "hidden_size": int(field(sound_text, "dimension")), "upsampling_ratios": ratios, "codebook_size": bins,
                          "pad_mode": field(sound_text, "pad_mode"), "use_causal_conv": False, "use_conv_shortcut": False,
                          "target_bandwidths": [n_q * math.log2(bins) * rate / math.prod(ratios) / 1000 * 10 / math.log2(bins)]},
    }
    # transformers counts 10 bits a codebook, whatever its size
    tensors = dict(language_model(lm["best_state"]))
    tensors["decoder.model.decoder.embed_positions.weights"] = positions(frames + n_q - 1, width)
    tensors.update(codec(sound["best_state"]))
    tensors.update(text_encoder(t5))
    os.makedirs(out)
    json.dump(config, open(os.path.join(out, "config.json"), "w"))
    json.dump({"guidance_scale": 3.0, "do_sample": True, "top_k": 250, "max_length": frames}, open(os.path.join(out, "generation_config.json"), "w"))
    shutil.copy(os.path.join(t5, "tokenizer.json"), out)
    write(os.path.join(out, "model.safetensors"), tensors)


if __name__ == "__main__":
    convert(*sys.argv[1:])
