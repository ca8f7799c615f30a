# SPDX-License-Identifier: MIT
"""What is steady in a clip's latents, held: so its codes repeat, and the language model has some thirty events in a clip to learn, not 200."""
import numpy as np

from partials import EDGES_HZ, N_TONES, louder

LIMIT = 300.0  # how much a held stretch may differ from what it stands for before it is two
LEVEL_DB = {"loud": -8, "soft": -3, "": -4}  # by which what is made is louder than what was learned: voices may meet in phase
FRAME_S = 0.03  # what a window of a frame hears, about
_freedom = np.maximum(2, 2 * np.diff(EDGES_HZ) * FRAME_S)
JITTER = np.concatenate([np.full(N_TONES, 0.5), 1.25 / np.sqrt(_freedom) + 0.1])  # nepers by which a steady sound's latents differ from frame to frame


def held(latents, limit=LIMIT):
    """[frame, width] -> the same, each stretch at its mean. Ward's clustering (1963) of neighbours only: the two stretches of which the union
    adds the least to the sum of squares become one, until that is over `limit`."""
    sums = latents.astype(np.float64) / JITTER
    n = np.ones(len(sums))

    def cost(i):
        return n[i] * n[i + 1] / (n[i] + n[i + 1]) * ((sums[i + 1] / n[i + 1] - sums[i] / n[i]) ** 2).sum()

    costs = np.array([cost(i) for i in range(len(n) - 1)])
    while len(n) > 1:
        i = int(costs.argmin())
        if costs[i] > limit:
            break
        sums[i] += sums[i + 1]
        n[i] += n[i + 1]
        sums, n, costs = np.delete(sums, i + 1, 0), np.delete(n, i + 1), np.delete(costs, i)
        for j in (i - 1, i):
            if 0 <= j < len(costs):
                costs[j] = cost(j)
    return np.repeat(sums / n[:, None] * JITTER, n.astype(int), 0).astype(np.float32)


def starts(latents):
    """[clip, frame] whether a held stretch starts there."""
    out = np.ones(latents.shape[:2], bool)
    out[:, 1:] = (latents[:, 1:] != latents[:, :-1]).any(2)
    return out


def steady_and_live(latents, abouts):
    """[clip, frame, width] twice, at the level at which the language model speaks: all of it held; only the tones held."""
    live = np.stack([louder(x, LEVEL_DB[about["level"]]) for x, about in zip(latents, abouts)]).astype(np.float32)
    steady = np.stack([held(x) for x in live])
    live[:, :, :N_TONES] = steady[:, :, :N_TONES]
    return steady, live
