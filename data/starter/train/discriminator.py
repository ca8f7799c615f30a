# SPDX-License-Identifier: MIT
"""The multi-scale STFT discriminator of EnCodec (Defossez et al. 2022, section 3.4), with audiocraft's names and shapes, and its losses."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import weight_norm

FILTERS, WINDOWS = 8, (1024, 512, 256)
CONFIG = {"kind": "MultiScaleSTFTDiscriminator", "filters": FILTERS, "in_channels": 1, "out_channels": 1, "n_ffts": list(WINDOWS),
          "hop_lengths": [n // 4 for n in WINDOWS], "win_lengths": list(WINDOWS)}


class Convolution(nn.Module):
    def __init__(self, *args, norm=True, **options):
        super().__init__()
        self.conv = weight_norm(nn.Conv2d(*args, **options)) if norm else nn.Conv2d(*args, **options)

    def forward(self, x):
        return self.conv(x)


class Window(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.register_buffer("window", torch.hann_window(n))


class OneScale(nn.Module):
    def __init__(self, n, filters):
        super().__init__()
        self.spec_transform = Window(n)
        self.convs = nn.ModuleList([Convolution(2, filters, (3, 9), padding=(1, 4), norm=False)])
        for dilation in (1, 2, 4):
            self.convs.append(Convolution(filters, filters, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4)))
        self.convs.append(Convolution(filters, filters, (3, 3), padding=1))
        self.conv_post = Convolution(filters, 1, (3, 3), padding=1)

    def forward(self, x):
        n = len(self.spec_transform.window)
        s = torch.stft(x, n, n // 4, n, self.spec_transform.window, center=False, normalized=False, return_complex=True)
        s = s / self.spec_transform.window.pow(2).sum().sqrt()
        h, maps = torch.stack([s.real, s.imag], 1).transpose(2, 3), []
        for conv in self.convs:
            h = F.leaky_relu(conv(h), 0.2)
            maps.append(h)
        return self.conv_post(h), maps


class Discriminator(nn.Module):
    def __init__(self, filters=FILTERS, windows=WINDOWS):
        super().__init__()
        self.discriminators = nn.ModuleList(OneScale(n, filters) for n in windows)

    def forward(self, x):
        """[batch, sample] -> logits and feature maps of each scale."""
        return tuple(zip(*(one(x) for one in self.discriminators)))

    def score(self, x):
        """The mean logit of each clip: high is real."""
        return torch.stack([logits.mean((1, 2, 3)) for logits in self(x)[0]]).mean(0)


def hinge(real, made):
    """What the discriminator minimises."""
    return sum(F.relu(1 - r).mean() + F.relu(1 + m).mean() for r, m in zip(real, made)) / len(real)


def feature_matching(real_maps, made_maps):
    pairs = [(r, m) for rs, ms in zip(real_maps, made_maps) for r, m in zip(rs, ms)]
    return sum((r - m).abs().mean() / (r.abs().mean() + 1e-4) for r, m in pairs) / len(pairs)


class Balance:
    """Each loss has its share of the gradient at the sound, whatever its own scale (EnCodec, section 3.4, eq. 6)."""

    def __init__(self, shares, decay=0.99):
        self.shares, self.decay, self.norms = shares, decay, {}

    def backward(self, losses, sound):
        total, whole = sum(self.shares[k] for k in losses), 0
        for name, loss in losses.items():
            grad, = torch.autograd.grad(loss, sound, retain_graph=True)
            norm = float(grad.flatten(1).norm(dim=1).mean())
            old = self.norms.get(name, norm)
            self.norms[name] = self.decay * old + (1 - self.decay) * norm
            whole = whole + self.shares[name] / total * grad / (self.norms[name] + 1e-12)
        sound.backward(whole)
