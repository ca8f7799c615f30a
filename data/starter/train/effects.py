# SPDX-License-Identifier: MIT
"""Procedural sound effects at 16 kHz: each takes a numpy generator, a number of samples and a pace (slow, fast or none), returns samples."""
import numpy as np
from scipy.signal import butter, sosfilt

RATE_HZ = 16000
_filters = {}


def band(x, low, high):
    """Butterworth of second order; low 0 means low-pass, high 8000 high-pass."""
    key = (round(low), round(high))
    if key not in _filters:
        kind, edge = ("low", high) if low <= 0 else ("high", low) if high >= RATE_HZ / 2 else ("band", [low, high])
        _filters[key] = butter(2, edge, kind, fs=RATE_HZ, output="sos")
    return sosfilt(_filters[key], x)


def wander(g, n, rate):
    """A smooth random curve in 0..1 with about `rate` knots a second."""
    knots = int(n / RATE_HZ * rate) + 4
    y = np.interp(np.arange(n) / RATE_HZ * rate + g.random(), np.arange(knots + 2), g.random(knots + 2))
    width = int(RATE_HZ / rate / 3) | 1
    return np.convolve(np.pad(y, width // 2, "edge"), np.ones(width) / width, "valid")[:n]


def seconds(n):
    return np.arange(n) / RATE_HZ


def phase(hz):
    return 2 * np.pi * np.cumsum(hz) / RATE_HZ


def decay(n, tau):
    return np.exp(-seconds(n) / tau)


def add(x, sound, at):
    start = int(at * RATE_HZ)
    if 0 <= start < len(x):
        n = min(len(sound), len(x) - start)
        x[start:start + n] += sound[:n]


def modes(g, n, partials):
    """Decaying sines: (Hz, seconds, amplitude) each."""
    return sum(a * np.sin(2 * np.pi * f * seconds(n) + g.random() * 6) * decay(n, t) for f, t, a in partials)


def impulses(g, n, per_second):
    x = np.zeros(n)
    count = max(1, int(per_second * n / RATE_HZ))
    x[g.integers(0, n, count)] += g.exponential(1, count)
    return x


def gap(g, pace, slow, fast):
    low, high = {"slow": slow, "fast": fast}.get(pace) or (slow if g.random() < 0.5 else fast)
    return g.uniform(low, high)


def rain(g, n, pace):
    hiss = band(g.standard_normal(n), 1500, 7000) * 0.2 + band(g.standard_normal(n), 200, 900) * 0.03
    return np.tanh((band(impulses(g, n, gap(g, pace, (60, 150), (300, 600))), 1500, 7000) * 3 + hiss) * 1.5)


def wind(g, n, pace):
    level = wander(g, n, gap(g, pace, (0.5, 0.8), (1.6, 2.2)))
    noise, x = g.standard_normal(n), np.zeros(n)
    for i, hz in enumerate(np.linspace(220, g.uniform(800, 1200), 7)):
        x += band(noise, hz - 60, hz + 60) * np.exp(-((level * 6.5 - i) ** 2)) * 3
    return x * (0.3 + level) + band(noise, 0, 200) * 0.1


def ocean(g, n, pace):
    period = gap(g, pace, (3.0, 4.0), (1.8, 2.4))
    at = (seconds(n) / period + g.random()) % 1
    swell = np.where(at < 0.4, (at / 0.4) ** 2, np.exp(-(at - 0.4) * 5))
    noise = g.standard_normal(n)
    return band(noise, 100, 900) * (0.1 + swell) + band(noise, 900, 5000) * swell ** 2 * 0.7


def thunder(g, n, pace):
    noise, x, at = g.standard_normal(n), np.zeros(n), g.uniform(0, 0.2)
    rumble = band(noise, 30, 160) * 6
    while at < n / RATE_HZ:
        envelope = decay(n, g.uniform(0.5, 1.0)) * np.minimum(1, seconds(n) / 0.04) * (0.4 + wander(g, n, 7))
        add(x, (np.roll(rumble, g.integers(n)) + band(noise, 160, 700) * decay(n, 0.3)) * envelope * g.uniform(0.6, 1), at)
        at += gap(g, pace, (1.6, 2.6), (0.8, 1.3))
    return np.tanh(x)


def fire(g, n, pace):
    crackle = impulses(g, n, gap(g, pace, (6, 10), (20, 30)))
    x = band(np.convolve(crackle, g.standard_normal(60) * np.exp(-np.arange(60) / 12))[:n], 1000, 6000) * 1.5
    return np.tanh(x) + band(g.standard_normal(n), 60, 400) * (0.08 + 0.08 * wander(g, n, 5))


def footsteps(g, n, pace):
    x, at, floor = np.zeros(n), g.uniform(0.02, 0.2), g.integers(2)
    step, m = gap(g, pace, (0.6, 0.75), (0.3, 0.36)), int(0.25 * RATE_HZ)
    while at < n / RATE_HZ:
        noise = g.standard_normal(m)
        if floor == 0:
            sound = modes(g, m, [(105, 0.04, 1), (230, 0.03, 0.6), (480, 0.015, 0.3)]) + band(noise, 800, 3000) * decay(m, 0.008)
        else:
            sound = band(noise, 50, 300) * decay(m, 0.03) * 1.5 + band(noise, 1500, 5000) * decay(m, 0.05) * 0.5
        add(x, sound * g.uniform(0.8, 1.1), at)
        at += step * g.uniform(0.97, 1.03)
    return x


def knock(g, n, pace):
    x, at, m = np.zeros(n), g.uniform(0.05, 0.3), int(0.3 * RATE_HZ)
    count, step, hz = 3, gap(g, pace, (0.32, 0.4), (0.15, 0.2)), g.uniform(150, 260)
    while at < n / RATE_HZ:
        for _ in range(count):
            body = modes(g, m, [(hz, 0.05, 1), (hz * 1.9, 0.03, 0.6), (hz * 3.1, 0.02, 0.4), (hz * 5.3, 0.01, 0.3)])
            add(x, body + band(g.standard_normal(m), 600, 3000) * decay(m, 0.006) * 0.8, at)
            at += step
        at += g.uniform(0.5, 0.8)
    return x


def engine(g, n, pace):
    hz = gap(g, pace, (26, 36), (60, 90)) * (1 + 0.02 * wander(g, n, 6))
    turn, noise = phase(hz), g.standard_normal(n)
    x = sum(np.sin(turn * h + h * h) / h ** 0.7 * (1 + 0.5 * np.sin(turn * 0.5 + h)) for h in range(1, 14))
    return np.tanh(x * 0.5) + band(noise, 80, 1200) * (0.4 + 0.4 * np.sin(turn)) * 0.6


def siren(g, n, pace):
    low, high = g.uniform(500, 650), g.uniform(1200, 1500)
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * (seconds(n) / gap(g, pace, (2.5, 3.5), (0.4, 0.7)) + g.random()))
    return np.tanh(2 * np.sin(phase(low + (high - low) * sweep)))


def alarm(g, n, pace):
    period, hz = gap(g, pace, (0.8, 1.0), (0.25, 0.4)), g.choice([1000, 1600, 2200])
    at = (seconds(n) % period) / period
    gate = np.clip(np.minimum(at * period, (0.5 - at) * period) / 0.005, 0, 1)
    return np.tanh(4 * np.sin(2 * np.pi * hz * seconds(n))) * gate


def laser(g, n, pace):
    x, fast = np.zeros(n), pace == "fast" or (pace != "slow" and g.random() < 0.5)
    step, length = (g.uniform(0.2, 0.3), g.uniform(0.12, 0.18)) if fast else (g.uniform(0.8, 1.1), g.uniform(0.4, 0.6))
    m = int(length * RATE_HZ)
    low, high = g.uniform(150, 350), g.uniform(3000, 5000)
    shot = np.tanh(2 * np.sin(phase(low + (high - low) * decay(m, length / 4)))) * decay(m, length / 2) * np.minimum(1, np.arange(m) / 50)
    at = 0.05
    while at < n / RATE_HZ:
        add(x, shot, at)
        at += step
    return x


def explosion(g, n, pace):
    x, at = np.zeros(n), g.uniform(0.02, 0.2)
    while at < n / RATE_HZ:
        noise, t, long = g.standard_normal(n), seconds(n), g.uniform(0.4, 0.8)
        burst = band(noise, 0, 5000) * np.exp(-t / 0.15) * 2 + band(noise, 0, 1200) * np.exp(-t / long) * 2
        burst += band(noise, 0, 200) * np.exp(-t / long) * 4 + np.sin(phase(30 + 70 * np.exp(-t / 0.15))) * np.exp(-t / 0.5)
        add(x, np.tanh(burst * 1.5), at)
        at += gap(g, pace, (2.2, 3.5), (0.9, 1.4))
    return x


def bubbles(g, n, pace):
    x, at, m = np.zeros(n), 0.02, int(0.1 * RATE_HZ)
    pause = gap(g, pace, (0.16, 0.24), (0.05, 0.08))
    while at < n / RATE_HZ:
        rise = 1 + 1.2 * np.arange(m) / m
        add(x, np.sin(phase(g.uniform(500, 1300) * rise)) * decay(m, 0.022) * g.uniform(0.5, 1), at)
        at += g.exponential(pause) + 0.02
    return x


def birds(g, n, pace):
    x, at, pause = np.zeros(n), g.uniform(0, 0.2), gap(g, pace, (0.35, 0.5), (0.08, 0.15))
    while at < n / RATE_HZ:
        hz, length, bend = g.uniform(2800, 5000), g.uniform(0.06, 0.14), g.uniform(-0.35, 0.35)
        u = np.linspace(0, 1, int(length * RATE_HZ))
        chirp = np.sin(phase(hz * (1 + bend * u))) * np.sin(np.pi * u) ** 0.7
        for _ in range(g.integers(1, 5)):
            add(x, chirp * 0.8, at)
            at += length * 1.35
        at += g.exponential(pause) + 0.05
    return x


def insects(g, n, pace):
    """Crickets: a high tone in pulses, the pulses in chirps; a quiet hiss of others behind."""
    hz, t, rate = g.uniform(4200, 5200), seconds(n), gap(g, pace, (1.6, 2.2), (3.5, 4.5))
    chirp = ((t * rate) % 1 < 0.55) * (0.5 + 0.5 * np.sin(2 * np.pi * 28 * t)) ** 2
    return np.sin(2 * np.pi * hz * t) * np.convolve(chirp, np.ones(32) / 32, "same") + band(g.standard_normal(n), 4800, 6200) * 0.05


def clock(g, n, pace):
    x, at, m, hz = np.zeros(n), g.uniform(0, 0.2), int(0.08 * RATE_HZ), g.uniform(1800, 3000)
    step = {"slow": 1.0, "fast": 0.25}.get(pace, 0.5)
    while at < n / RATE_HZ:
        tick = modes(g, m, [(hz, 0.008, 1), (hz * 1.7, 0.005, 0.6), (hz * 0.45, 0.006, 0.4)])
        add(x, tick + band(g.standard_normal(m), 2000, 7000) * decay(m, 0.002), at)
        at += step
    return x


def phone(g, n, pace):
    t = seconds(n)
    ring = np.sin(2 * np.pi * 1150 * t) + np.sin(2 * np.pi * 1410 * t) * 0.8 + 0.3 * np.sin(2 * np.pi * 3100 * t)
    ring *= 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 20 * t))
    return band(ring * (t % 2.0 < gap(g, pace, (1.2, 1.4), (0.6, 0.8))), 300, 5000)


def heartbeat(g, n, pace):
    x, at, m, hz = np.zeros(n), g.uniform(0.02, 0.2), int(0.3 * RATE_HZ), g.uniform(45, 65)
    step = gap(g, pace, (0.9, 1.05), (0.45, 0.55))
    while at < n / RATE_HZ:
        thump = np.sin(phase(hz * (1 + decay(m, 0.03)))) * decay(m, 0.06) * np.minimum(1, np.arange(m) / 100)
        add(x, thump, at)
        add(x, thump * 0.7, at + step * 0.3)
        at += step
    return np.tanh(1.5 * x)


def pluck(events, n):
    """The kind `pluck`: a saw through a filter that closes, played from note events (there is no such program in General MIDI)."""
    x, m = np.zeros(n), int(0.45 * RATE_HZ)
    for start, message in events:
        if message[0] & 0xF0 == 0x90:
            hz = 440 * 2 ** ((message[1] - 69) / 12)
            t, sound = seconds(m), np.zeros(m)
            for h in range(1, min(24, int(7600 / hz)) + 1):
                sound += np.sin(2 * np.pi * hz * h * t) / h * np.exp(-t * (5 + 5 * h))
            add(x, sound, start)
    return x


EFFECTS = {"rain": rain, "wind": wind, "ocean": ocean, "thunder": thunder, "fire": fire, "footsteps": footsteps, "knock": knock, "engine": engine,
           "siren": siren, "alarm": alarm, "laser": laser, "explosion": explosion, "bubbles": bubbles, "birds": birds, "insects": insects,
           "clock": clock, "phone": phone, "heartbeat": heartbeat}
