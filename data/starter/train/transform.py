# SPDX-License-Identifier: MIT
"""transform.py DATA RUN: where the codec starts, a lapped transform written into EnCodec's weights, with codebooks from k-means.

Trained from random weights for minutes, EnCodec learns envelopes and no harmonics. But its layers can do an MDCT exactly (Princen & Bradley
1986): strided convolutions hand the samples of a block on as channels (1, 4, 16, 64 of them), the last one projects a window of two hops on
the transform's basis, weighted by band and turned to its main directions (KLT); the decoder mirrors it. ELU is passed by a shift
that keeps the encoder's channels positive, and in the decoder by pairs of channels of opposite sign, nearly linear where they are small.
Residual blocks and LSTMs start at nothing, and the free channels at random: training begins from here and has only to improve.
"""
import argparse
import math
import os

import numpy as np
import torch
from torch import nn

import codec

WEIGHT_POWER = 0.6  # of the bands' deviations: 0 is the waveform's own error, 1 all bands alike
SMALL = 0.3  # the factor at which the decoder's pairs of channels run
WINDOW = 2 * codec.HOP


def mdct(n):
    """[2n, n]: orthonormal basis with the sine window."""
    t, k = torch.arange(2 * n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)[None]
    return math.sqrt(2 / n) * torch.sin(math.pi * (t + 0.5) / (2 * n)) * torch.cos(math.pi / n * (t + 0.5 + n / 2) * (k + 0.5))


def left_of(conv):
    """How many of the samples that EnCodec pads lie on the left."""
    return conv.stride[0] - conv.stride[0] // 2


def coefficients(clips):
    """The transform of some clips, [frame, coefficient], silent frames left out."""
    x = torch.from_numpy(np.asarray(clips, np.float32) / 32768)
    c = x.unfold(1, WINDOW, codec.HOP).reshape(-1, WINDOW) @ mdct(codec.HOP).float()
    return c[c.pow(2).sum(1) > 1e-4]


def fit(clips):
    """Analysis and synthesis matrices [WINDOW, WIDTH] of the weighted, turned and cut transform; latents have deviation 1 on the whole."""
    c = coefficients(clips).double()
    weight = (c.std(0) + 1e-3) ** -WEIGHT_POWER
    turn = torch.linalg.eigh((c * weight).T @ (c * weight))[1].flip(1)[:, :codec.WIDTH]
    scale = 1 / (c * weight @ turn).std()
    analysis = mdct(codec.HOP) * weight @ turn * scale
    synthesis = mdct(codec.HOP) / weight @ turn / scale
    return analysis.float(), synthesis.float()


def quiet_parts(model, small=1e-4):
    """Residual blocks add nothing, LSTMs nothing; what training may use of them is random."""
    for block in model.modules():
        if type(block).__name__ == "EncodecResnetBlock":
            codec.convolutions(block)[-1].weight.mul_(small)
        if isinstance(block, nn.LSTM):
            n = block.hidden_size
            for name, p in block.named_parameters():
                p.mul_(0.3) if "weight" in name else p.zero_()
                p[2 * n:3 * n] = 0  # the cell's input: without it the state stays 0


def write_encoder(layers, analysis, shift):
    first, *strided, last = [m.conv for m in layers if hasattr(m, "conv")]
    for conv in (first, *strided, last):
        conv.weight.mul_(0.1)
    first.weight[0], first.bias[0] = 0, 1.0  # a sample, and 1 to keep it positive
    first.weight[0, 0, 3] = 1.0
    block = 1
    for conv in strided[:-1]:
        n = block * conv.stride[0]
        conv.weight[:n] = 0
        for tau in range(conv.stride[0]):
            for i in range(block):
                conv.weight[tau * block + i, i, left_of(conv) + tau] = 1.0
        block = n
    conv, width = strided[-1], codec.WIDTH
    conv.weight[:width] = 0
    conv.weight[:width, :block] = analysis.view(-1, block, width).permute(2, 1, 0)
    conv.bias[:width] = shift - analysis.sum(0)
    last.weight.zero_()
    last.weight[torch.arange(width), torch.arange(width), 3] = 1.0
    last.bias.fill_(-shift)


def write_decoder(layers, synthesis):
    first, *strided, last = [m.conv for m in layers if hasattr(m, "conv")]
    for conv in strided:
        conv.weight.mul_(0.05)
    width, each = codec.WIDTH, torch.arange(codec.WIDTH)
    first.weight.zero_()
    first.weight[each, each, 3], first.weight[width + each, each, 3] = SMALL / 4, -SMALL / 4
    block = codec.HOP // strided[0].stride[0]
    window = 2 * synthesis.view(-1, block, width).permute(2, 1, 0)  # the difference of a pair is SMALL / 2 of a latent; samples run at SMALL
    strided[0].weight.zero_()
    for sign, half in ((1, slice(0, width)), (-1, slice(width, 2 * width))):
        strided[0].weight[half, :block] = sign * window
        strided[0].weight[half, block:2 * block] = -sign * window
    for conv in strided[1:]:
        small = block // conv.stride[0]
        conv.weight[:2 * block] = 0
        conv.weight[2 * block:, :2 * small] = 0
        for tau in range(conv.stride[0]):
            for i in range(small):
                for sign in (1, -1):  # of the output: the pair's difference is twice the value
                    out = i if sign > 0 else small + i
                    conv.weight[tau * small + i, out, left_of(conv) + tau] = sign * 0.5
                    conv.weight[block + tau * small + i, out, left_of(conv) + tau] = -sign * 0.5
        block = small
    last.weight.zero_()
    last.weight[0, 0, 3], last.weight[0, 1, 3] = 0.5 / SMALL, -0.5 / SMALL


@torch.no_grad()
def start(clips, n_fit=400, n_vectors=60000):
    model = codec.for_training(codec.make())
    picked = clips[np.sort(np.random.default_rng(1).permutation(len(clips))[:n_fit])]
    analysis, synthesis = fit(picked)
    quiet_parts(model)
    largest = (coefficients(picked) @ mdct(codec.HOP).float().T @ analysis).abs().max()
    write_encoder(model.encoder.layers, analysis, shift=1.2 * float(largest))
    write_decoder(model.decoder.layers, synthesis)
    sound = torch.from_numpy(picked.astype(np.float32) / 32768)[:, None]
    vectors = torch.cat([model.encoder(x).transpose(1, 2).reshape(-1, codec.WIDTH) for x in sound.split(16)])
    vectors = vectors[vectors.pow(2).sum(1) > 1e-3]
    codec.Quantiser(model).start(torch.cat([vectors[torch.randperm(len(vectors))[:n_vectors]], torch.zeros(200, codec.WIDTH)]))
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    os.makedirs(args.run, exist_ok=True)
    clips = np.load(f"{args.data}/clips.npy", mmap_mode="r")
    model = start(clips[:int(len(clips) * 0.95)])
    torch.save({"model": model.state_dict(), "stage": "transform", "step": 0}, f"{args.run}/codec.pt")
    sound = torch.from_numpy(clips[-32:].astype(np.float32) / 32768)[:, None]
    with torch.no_grad():
        z = model.encoder(sound)
        for label, latent in (("without codebooks", z), ("with them", codec.latents(model, codec.encode(model, sound)))):
            noise = sound - model.decoder(latent)
            print(f"signal to noise {label}: {10 * torch.log10(sound.pow(2).sum() / noise.pow(2).sum()):.2f} dB", flush=True)


if __name__ == "__main__":
    main()
