# SPDX-License-Identifier: MIT
"""The codec's encoder: a bank of filters written into EnCodec's layers, solved for the latents of partials.py, and made fast to train.

The strided layers hand blocks of 64 samples on as channels, with 1 added so that ELU leaves them alone; the last of them is a bank of windowed
sines. A cell of the LSTM says sigmoid (2 x / level) sigmoid (-2 x / level) of its filter's output x: how large it is about its level, whatever
its sign. The last convolution goes by least squares from seven frames of that to the latents. Training (train_codec.py --stage encoder) lets the
recurrent weights, which are 0 until then, compare frames and neighbours.
"""
import math

import numpy as np
import torch
from torch import nn

import codec
from codec import HEARD_DB, MEL_WINDOW, N_MELS
from partials import CENTRE, FLOOR, SHORT

LEVELS = (2e-4, 1.4e-3, 9e-3, 6e-2)  # amplitudes at which cells answer
QUIET, STEEPEST = 0.01, 60000.0  # the least gain of a filter, whose output is added to what its cell says; the largest weight, for f16
USUAL = 0.01  # size of a sound, by which the weights of the LSTM's inputs are scaled in training
CLOSED, ADMITTED = -10.0, math.atanh(0.5)  # a cell's forget gate, and what its input gate lets in
REACH = 3  # frames that the last convolution hears on either side
LATER = 0.16  # of a frame's power, what a neighbour hears in such a window


def listeners(n):
    """Windowed sines [n, SHORT], of four phases at each of n / 4 pitches, each so large that a sine of amplitude a becomes a; and the level at
    which each one's cell answers. None of them hears a constant."""
    r = np.random.default_rng(3)
    low = 440 * 2.0 ** ((np.arange(28, 92) - 69) / 12)
    pitches = np.concatenate([low, codec.evenly_in_mel(1450, 7800, n // 4 - len(low))])
    apart, out, levels = np.gradient(pitches), np.zeros((n, SHORT)), np.zeros(n)
    tau = np.arange(SHORT) - SHORT // 2
    for i, j in np.ndindex(len(pitches), 4):
        length = int(np.clip(2.4 * codec.RATE_HZ / max(apart[i], 1), SHORT // 4, SHORT)) // 2 * 2
        window = np.zeros(SHORT)
        window[(SHORT - length) // 2:(SHORT + length) // 2] = np.hanning(length + 1)[:-1]
        wave = window * np.cos(2 * np.pi * pitches[i] * tau / codec.RATE_HZ + r.uniform(0, 2 * np.pi)) * 2 / window.sum()
        out[4 * i + j], levels[4 * i + j] = wave - window * wave.sum() / window.sum(), LEVELS[(i + j) % 4]
    return out, levels


def gains(levels):
    return codec.single(np.maximum(QUIET, 2 / (levels * STEEPEST)))


def upper(layers):
    """The last strided convolution, the LSTM, the last convolution."""
    *_, filters, last = [m.conv for m in layers if hasattr(m, "conv")]
    return filters, next(m.lstm for m in layers if hasattr(m, "lstm")), last


class Analyser(nn.Module):
    """The upper layers, their filters straight on the samples: the layers below only hand these on. Weights are of one size here, so that one
    learning rate suits them; store() puts them back."""

    def __init__(self, layers):
        super().__init__()
        filters, lstm, last = upper(layers)
        n, self.n_taps = lstm.hidden_size, filters.kernel_size[0]
        self.gain = gains(listeners(n)[1])
        waves = filters.weight.detach()[:, :SHORT // self.n_taps].permute(0, 2, 1).reshape(n, SHORT)
        self.offsets = nn.Parameter((filters.bias.detach() + waves.sum(1)) / self.gain)
        self.waves = nn.Parameter(waves / self.gain[:, None])
        self.lstm = nn.LSTM(n, n, batch_first=True)
        self.lstm.load_state_dict(lstm.state_dict())
        self.lstm.weight_ih_l0.data *= self.gain * USUAL
        self.last = nn.Conv1d(n, codec.WIDTH, 2 * REACH + 1)
        self.last.load_state_dict(last.state_dict())

    def seen(self, sound):
        """[clip, sample] -> [clip, cell, frame + 2 REACH], what the last convolution sees."""
        left = SHORT // 2 - CENTRE
        x = nn.functional.pad(sound, (left, SHORT - codec.HOP - left)).unfold(1, SHORT, codec.HOP) @ self.waves.T + self.offsets
        said = nn.functional.elu(self.lstm(x / USUAL)[0] + x * self.gain)
        return nn.functional.pad(said.transpose(1, 2), (REACH, REACH), mode="reflect")

    def forward(self, sound):
        return self.last(self.seen(sound))

    @torch.no_grad()
    def store(self, layers):
        filters, lstm, last = upper(layers)
        waves = self.waves * self.gain[:, None]
        filters.weight.zero_()
        filters.weight[:, :SHORT // self.n_taps] = waves.view(len(waves), self.n_taps, -1).permute(0, 2, 1)
        filters.bias.copy_(self.offsets * self.gain - waves.sum(1))
        lstm.load_state_dict(self.lstm.state_dict())
        lstm.weight_ih_l0.div_(self.gain * USUAL).clamp_(-STEEPEST, STEEPEST)
        last.load_state_dict(self.last.state_dict())


@torch.no_grad()
def write_encoder(layers):
    first, *strided = [m.conv for m in layers if hasattr(m, "conv")][:-2]
    first.weight[0], first.bias[0] = 0, 1.0  # a sample, and 1 to keep it positive
    first.weight[0, 0, 3] = 1.0
    for block in layers:
        if type(block).__name__ == "EncodecResnetBlock":
            codec.convolutions(block)[-1].weight.zero_()
    size = 1
    for conv in strided:
        n = size * conv.stride[0]
        conv.weight[:n] = 0
        for tau in range(conv.stride[0]):
            for i in range(size):
                conv.weight[tau * size + i, i, codec.left_of(conv) + tau] = 1.0
        size = n
    bank = Analyser(layers)
    waves, levels = listeners(len(bank.gain))
    bank.waves.copy_(codec.single(waves))
    bank.offsets.zero_()
    for p in bank.lstm.parameters():
        p.zero_()
    _, forget, admitted, _ = bank.lstm.bias_ih_l0.chunk(4)  # PyTorch's order: input, forget, cell, output
    forget.fill_(CLOSED)
    admitted.fill_(ADMITTED)
    entering, _, _, leaving = bank.lstm.weight_ih_l0.chunk(4)
    entering.copy_(torch.diag(codec.single(2 / levels * USUAL)))
    leaving.copy_(-entering)
    bank.store(layers)


@torch.no_grad()
def fit_encoder(layers, clips, latents, ridge=0.3):
    """The last convolution by least squares: from what the cells say of seven frames to the latents. clips [clip, sample], latents [clip, frame, WIDTH]."""
    bank = Analyser(layers)
    n = bank.last.weight[0].numel() + 1
    squares, products = torch.zeros(n, n), torch.zeros(n, codec.WIDTH)
    for sound, wanted in zip(clips.split(8), latents.split(8)):
        seen = bank.seen(sound).unfold(2, 2 * REACH + 1, 1).permute(0, 2, 1, 3).reshape(-1, n - 1)
        seen = torch.cat([seen, torch.ones(len(seen), 1)], 1)
        squares += seen.T @ seen
        products += seen.T @ wanted.reshape(-1, codec.WIDTH)
    solved = torch.linalg.solve(squares.double() + ridge * torch.eye(n, dtype=torch.float64), products.double()).float()
    bank.last.weight.copy_(solved[:-1].view(-1, 2 * REACH + 1, codec.WIDTH).permute(2, 0, 1))
    bank.last.bias.copy_(solved[-1])
    bank.store(layers)


class Ear:
    """What judge.py's mel distance will be, from latents alone: the decoder only measures once how loud each voice is in each band."""

    @torch.no_grad()
    def __init__(self, decoder, headroom, gate, audible):
        self.headroom, self.gate, self.audible = headroom, gate, audible
        self.bank, self.window = codec.mel_bank(MEL_WINDOW // 2 + 1, N_MELS), torch.hann_window(MEL_WINDOW) * 2 / MEL_WINDOW
        amplitude, n_frames, away = 0.03, 50, 10
        self.heard = []
        for voices in torch.eye(codec.WIDTH).split(16):
            z = (voices * math.log(amplitude / FLOOR + 1))[:, :, None].expand(-1, -1, n_frames)
            self.heard.append(self.of_sound(decoder(z)[:, 0])[:, :, away:-away].mean(2) / amplitude ** 2)
        self.heard = torch.cat(self.heard)

    def of_sound(self, sound):
        """[clip, sample] -> powers [clip, mel band, frame], around the middle of each frame."""
        left = MEL_WINDOW // 2 - CENTRE
        padded = nn.functional.pad(sound, (left, MEL_WINDOW - codec.HOP - left))
        spectra = torch.stft(padded, MEL_WINDOW, codec.HOP, MEL_WINDOW, self.window, center=False, return_complex=True).abs().pow(2)
        return torch.einsum("cfn,fm->cmn", spectra, self.bank)

    def of_latents(self, z):
        """[clip, WIDTH, frame] -> the same of what the decoder would make of them."""
        full = math.log(self.headroom / FLOOR)
        amplitude = FLOOR * torch.expm1(z.clamp(-3, full)) + self.headroom * (z - full).clamp(min=0)
        amplitude = amplitude * torch.sigmoid(self.gate * (z - self.audible))
        powers = torch.einsum("ckn,km->cmn", amplitude.pow(2), self.heard)
        around = nn.functional.pad(powers, (1, 1), mode="replicate")
        return (1 - 2 * LATER) * powers + LATER * (around[..., 2:] + around[..., :-2])

    def distance(self, z, sound):
        """Mean absolute difference in dB, each clip at its own level, nothing lower than HEARD_DB under it."""
        made, real = self.of_latents(z), self.of_sound(sound)
        floor = (sound.pow(2).mean(1).sqrt() + 1e-4).pow(2)[:, None, None] * 10 ** (HEARD_DB / 10)
        least = 0.01 * floor * real.shape[2]
        level = (real.sum((1, 2), keepdim=True) + least) / (made.sum((1, 2), keepdim=True) + least)
        return 10 * ((made * level + floor).log10() - (real + floor).log10()).abs().mean()
