#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-model.py SIZE FOLDER: a MusicGen of the published shapes with random weights, for measuring how fast it runs (it makes noise).

SIZE is small, medium, large, stereo-small, stereo-medium or stereo-large. Needs torch and transformers. The tokenizer is the starter model's:
it gives ids that T5's table has. Copet et al. 2023, arXiv:2306.05284, section 4.1, and the published configurations."""
import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoConfig, EncodecConfig, MusicgenConfig, MusicgenForConditionalGeneration, T5Config
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

SIZES = {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}  # width, layers, heads


def config_of(size):
    width, layers, heads = SIZES[size.removeprefix("stereo-")]
    stereo = size.startswith("stereo-")
    text = T5Config(vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12)
    codec = EncodecConfig(target_bandwidths=[2.2], sampling_rate=32000, audio_channels=1, normalize=False, hidden_size=128, num_filters=64,
                          num_residual_layers=1, upsampling_ratios=[8, 5, 4, 4], norm_type="weight_norm", kernel_size=7, last_kernel_size=7,
                          residual_kernel_size=3, dilation_growth_rate=2, use_causal_conv=False, pad_mode="reflect", compress=2, num_lstm_layers=2,
                          codebook_size=2048, codebook_dim=128, use_conv_shortcut=False)
    decoder = MusicgenDecoderConfig(vocab_size=2048, max_position_embeddings=2048, num_hidden_layers=layers, ffn_dim=4 * width,
                                    num_attention_heads=heads, hidden_size=width, num_codebooks=8 if stereo else 4,
                                    audio_channels=2 if stereo else 1, pad_token_id=2048, bos_token_id=2048)
    return MusicgenConfig.from_sub_models_config(text, codec, decoder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=[prefix + size for prefix in ("", "stereo-") for size in SIZES])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = MusicgenForConditionalGeneration(config_of(args.size)).eval()
    model.generation_config.update(decoder_start_token_id=2048, pad_token_id=2048, bos_token_id=2048, guidance_scale=3.0, max_length=1500,
                                   do_sample=True)
    args.folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(args.folder, safe_serialization=True)
    shutil.copy(Path(__file__).parents[2] / "data/starter/model/tokenizer.json", args.folder)
    assert AutoConfig.from_pretrained(args.folder).decoder.hidden_size == SIZES[args.size.removeprefix("stereo-")][0]


if __name__ == "__main__":
    main()
