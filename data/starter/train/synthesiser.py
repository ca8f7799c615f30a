# SPDX-License-Identifier: MIT
"""synthesiser.py DATA RUN: where the codec starts: a synthesiser of partials and noise written into EnCodec's decoder, and its codebooks.

Trained from random weights for an hour, EnCodec learns envelopes and no harmonics. But its decoder can be an additive synthesiser. Latents are log
amplitudes (partials.py). ELU is exp(x) - 1 where x is negative, so the first ELU makes amplitudes of them. The LSTM, whose output
is added to its input, is a bank of oscillators: three cells a voice, whose recurrent weights turn them by the voice's phase advance a frame,
with a gain a little over 1 that tanh holds at amplitude SWING. exp(latent + swing) in three phases, times three kernels of which the
sum is 0, is then amplitude times a sine that goes on from frame to frame in phase. Kernels of partials are windowed sines, those of noise
random bursts of a band, turned at a rate of their own so that they do not repeat. The other layers hand blocks of samples on as
channels, in pairs of opposite sign that are small, where ELU is nearly linear. Training begins from here.

The encoder is analyser.py's; train_codec.py --stage encoder goes on from there.
"""
import argparse
import json
import math
import os

import numpy as np
import torch

import analyser
import codec
import held
from partials import CENTRE, EDGES_HZ, FLOOR, N_BANDS, N_TONES, SHORT, TONES_HZ

HEADROOM = 0.2  # amplitude at which a voice saturates: there ELU ceases to be an exponential
SWING = 0.2  # nepers by which an oscillator moves its channel
OPEN = 10.0  # of a gate
GATE, AUDIBLE = 24.0, 0.3  # how steeply, and at which latent, a voice's gate opens
SMALL = 0.05  # the size at which samples pass the ELUs
N_WIDE = 21  # of the bands, the highest, have two voices of noise
THIRDS = 2 * np.pi / 3 * np.arange(3)
WINDOW = np.hanning(SHORT + 1)[:-1]
TAU = np.arange(SHORT) - SHORT // 2


def voices():
    """(parameter, phase advance a frame, complex kernel [SHORT] of amplitude 1) of each voice: the tones, then the bands."""
    r = np.random.default_rng(7)
    n_each = [1] * (N_BANDS - N_WIDE) + [2] * N_WIDE
    parameter = np.array(list(range(N_TONES)) + [N_TONES + band for band, n in enumerate(n_each) for _ in range(n)])
    n_noise = len(parameter) - N_TONES
    advance = np.concatenate([2 * np.pi * TONES_HZ * codec.HOP / codec.RATE_HZ, r.uniform(0.5, 2 * np.pi - 0.5, n_noise)])
    start = r.uniform(0, 2 * np.pi, len(parameter))
    kernels = [WINDOW * np.exp(2j * np.pi * hz * TAU / codec.RATE_HZ) for hz in TONES_HZ]
    hz = np.fft.fftfreq(4 * SHORT, 1 / codec.RATE_HZ)
    for low, high, n in zip(EDGES_HZ, EDGES_HZ[1:], n_each):
        inside = (hz >= low) & (hz < max(high, low + 50))
        for _ in range(n):
            burst = np.fft.ifft(np.exp(2j * np.pi * r.random(len(hz))) * inside)[:SHORT]
            kernels.append(np.sqrt(WINDOW / (2 * n)) * burst / np.sqrt((burst.real ** 2).mean()))  # overlapping bursts add their powers
    return parameter, (advance + np.pi) % (2 * np.pi) - np.pi, start, np.array(kernels)


def wrapped(phase):
    return (phase + np.pi) % (2 * np.pi) - np.pi


def oscillators(advance, start, n_frames=600, n_rounds=12):
    """Recurrent weights [voice, 3, 3] and biases [voice, 3], found by simulating the LSTM; the middle of each swing, and its mean size."""
    gate = 1 / (1 + math.exp(-OPEN))
    gain, turn = np.full(len(advance), 1.02), advance.copy()
    rest = -SWING * np.cos(start[:, None] + THIRDS)  # a fixed point; the state starts at 0, which is SWING away from it
    for _ in range(n_rounds):
        weights = 2 / 3 * gain[:, None, None] * np.cos(turn[:, None, None] + THIRDS[None, :, None] - THIRDS[None, None, :])
        biases = np.arctanh(np.arctanh(rest / gate) / gate) - np.einsum("kij,kj->ki", weights, rest)
        state, states = np.zeros_like(rest), []
        for _ in range(n_frames):
            state = gate * np.tanh(gate * np.tanh(np.einsum("kij,kj->ki", weights, state) + biases))
            states.append(state)
        states = np.array(states)
        phasor = ((states - states.mean(0)) * np.exp(-1j * THIRDS)).sum(2) * 2 / 3
        turn += wrapped(advance - np.angle((phasor[1:] * phasor[:-1].conj()).sum(0)))
        gain *= 1 + 0.02 * np.clip(1 - np.abs(phasor[-200:]).mean(0) / SWING, -1, 1)
    middle = states[100:].mean(0)
    return weights, biases, middle, np.abs(((states - middle) * np.exp(-1j * THIRDS)).sum(2) * 2 / 3).mean(0)


@torch.no_grad()
def silence(decoder, kernels):
    """Kernel of the last channel, which no voice uses and which stands at -1: with it a clip of nothing is silent, though every voice has
    the amplitude FLOOR then (standing still) and `kernels` [voice's channels, out, sample] may be rounded, so that their sums are not 0."""
    first = decoder.layers[0].conv
    first.weight[-1], first.bias[-1] = 0, -12.0
    still = first.bias[:-1].exp() - 1
    return (kernels * still[:, None, None]).sum(0) / (1 - math.exp(-12.0))


def write_decoder(decoder):
    layers = decoder.layers
    first, *strided, last = [m.conv for m in layers if hasattr(m, "conv")]
    lstm = next(m.lstm for m in layers if hasattr(m, "lstm"))
    parameter, advance, start, kernels = voices()
    weights, biases, middle, size = oscillators(advance, start)
    n, width = 3 * len(parameter), lstm.hidden_size

    first.weight.mul_(0.02)
    first.weight[:n] = 0
    first.weight[torch.arange(n), torch.from_numpy(parameter.repeat(3)), 3] = 1.0
    first.bias.zero_()
    first.bias[:n] = math.log(FLOOR / HEADROOM) - codec.single(middle.reshape(-1))

    for p in lstm.parameters():
        p.zero_()
    gates, cell = lstm.bias_ih_l0, slice(2 * width, 3 * width)  # PyTorch's order: input, forget, cell, output
    gates[:width], gates[width:2 * width], gates[3 * width:] = OPEN, -OPEN, OPEN
    lstm.weight_hh_l0[cell][:n, :n] = torch.block_diag(*codec.single(weights))
    gates[cell][:n] = codec.single(biases.reshape(-1))
    voice = torch.arange(n)  # a latent of 0 closes the output gate: that voice stands still
    lstm.weight_ih_l0[3 * width + voice, voice] = GATE
    gates[3 * width:][:n] = -GATE * (first.bias[:n] + AUDIBLE)

    for block in layers:
        if type(block).__name__ == "EncodecResnetBlock":
            codec.convolutions(block)[-1].weight.zero_()
    for conv in strided:
        conv.weight.mul_(0.05)
    phases = np.stack([(kernels * np.exp(-1j * third)).real for third in THIRDS], 1) / (1.5 * size[:, None, None])
    size = codec.HOP // strided[0].stride[0]  # of a block of samples
    kernel = HEADROOM * SMALL * codec.single(phases).reshape(n, -1, size).permute(0, 2, 1)
    strided[0].weight[:n] = 0
    strided[0].weight[:n, :size], strided[0].weight[:n, size:2 * size] = kernel, -kernel
    strided[0].weight[n] = silence(decoder, strided[0].weight[:n])
    for conv in strided[1:]:
        half = size // conv.stride[0]
        conv.weight[:2 * size] = 0
        conv.weight[2 * size:, :2 * half] = 0
        for tau in range(conv.stride[0]):
            for i in range(half):
                for out, sign in ((i, 0.5), (half + i, -0.5)):  # a pair's difference is twice the value
                    conv.weight[tau * half + i, out, codec.left_of(conv) + tau] = sign
                    conv.weight[size + tau * half + i, out, codec.left_of(conv) + tau] = -sign
        size = half
    last.weight.zero_()
    last.weight[0, 0, 3], last.weight[0, 1, 3] = 0.5 / SMALL, -0.5 / SMALL


def write_books(model, steady, live, n_vectors=90000):
    """The codebooks but the last are of what is held, as often as it starts and as long as it lasts; the last of what the noise does meanwhile."""
    books = [layer.codebook for layer in model.quantizer.layers]
    begins = steady[held.starts(steady)]
    all_steady, all_live = (torch.from_numpy(x).view(-1, codec.WIDTH) for x in (steady, live))
    often = torch.cat([torch.from_numpy(begins), all_steady[torch.randperm(len(all_steady))[:len(begins)]]])
    codec.start_books(books[:-1], often[torch.randperm(len(often))[:n_vectors]])
    some = torch.randperm(len(all_steady))[:n_vectors]
    codec.start_books(books[-1:], all_live[some] - codec.nearest_sum(books[:-1], all_steady[some])[0])


@torch.no_grad()
def start(clips, latents, steady, live, n_fit):
    """clips int16 [clip, sample], latents and the others [clip, frame, WIDTH]."""
    model = codec.for_training(codec.make())
    assert 3 * len(voices()[0]) == len(model.decoder.layers[0].conv.bias) - 1 and CENTRE == codec.HOP // 5 * 2
    write_books(model, steady, live)
    write_decoder(model.decoder)
    analyser.write_encoder(model.encoder.layers)
    picked = np.sort(np.random.default_rng(1).permutation(len(clips))[:n_fit])
    analyser.fit_encoder(model.encoder.layers, torch.from_numpy(clips[picked].astype(np.float32) / 32768), torch.from_numpy(latents[picked]))
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("run")
    parser.add_argument("--clips", type=int, default=7000, help="from which the codebooks are made")
    parser.add_argument("--fit", type=int, default=500, help="of them, from which the encoder's last layer is solved")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    os.makedirs(args.run, exist_ok=True)
    with open(f"{args.data}/meta.json") as file:
        abouts = json.load(file)["clips"]
    n = min(args.clips, int(len(abouts) * codec.TRAIN_SHARE))
    latents = np.load(f"{args.data}/partials.npy", mmap_mode="r")[:n].astype(np.float32)
    steady, live = held.steady_and_live(latents, abouts)
    print("held stretches a clip", held.starts(steady).sum() / len(steady), flush=True)
    model = start(np.load(f"{args.data}/clips.npy", mmap_mode="r")[:n], latents, steady, live, args.fit)
    torch.save({"model": model.state_dict(), "stage": "start", "step": 0}, f"{args.run}/codec.pt")


if __name__ == "__main__":
    main()
