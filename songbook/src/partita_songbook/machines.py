"""Synthesised drum machines with random settings, modelled on the classic ones."""

from __future__ import annotations

import numpy as np
from pedalboard import Bitcrush, Reverb

from partita_songbook.drums import Kit
from partita_songbook.effects import RATE, Audio, biquad, equalise, pan

__all__ = ["KICKS", "machine"]

# Kind of kick -> range of: body (Hz), pitch at the onset relative to it, time constant of the pitch (s), decay (s),
# click, drive.
KICKS = {
    "deep": ((38, 55), (1.5, 3), (0.02, 0.06), (0.25, 0.9), (0.0, 0.15), (1, 2)),
    "swept": ((25, 52), (2.5, 6), (0.05, 0.22), (0.15, 0.6), (0.02, 0.4), (1, 5)),
    "punch": ((45, 62), (3, 7), (0.012, 0.035), (0.07, 0.16), (0.1, 0.6), (1, 4)),
    "tight": ((50, 75), (2, 5), (0.006, 0.02), (0.035, 0.08), (0.2, 0.8), (1, 3)),
    "thump": ((70, 110), (1.2, 2.2), (0.01, 0.03), (0.06, 0.16), (0.05, 0.4), (1, 3)),
    "hard": ((42, 58), (4, 9), (0.02, 0.05), (0.1, 0.25), (0.2, 0.8), (6, 25)),
}


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(np.maximum(limits, 1e-3)))))


def _tone(seconds: float, start: float, end: float, bend: float, decay: float) -> Audio:
    """Return a decaying sine ``(samples,)`` from ``start`` to ``end`` Hz; ``bend``, ``decay``: time constants in s."""
    time = np.arange(int(seconds * RATE), dtype=np.float64) / RATE
    cycles = end * time + (start - end) * bend * (1 - np.exp(-time / bend))
    return np.asarray(np.sin(2 * np.pi * cycles) * np.exp(-time / decay), np.float32)


def _noise(seconds: float, decay: float, low: float, high: float, rng: np.random.Generator, width: float = 0) -> Audio:
    """Return decaying noise ``(2, samples)`` between two frequencies in Hz; ``width`` 0 is mono."""
    samples = int(seconds * RATE)
    hiss = np.repeat(rng.standard_normal((1, samples), np.float32), 2, 0)
    if width:
        hiss = hiss + np.float32(width) * rng.standard_normal((2, samples), np.float32)
    hiss = equalise(hiss, biquad("high_pass", low), biquad("low_pass", high))
    return np.asarray(hiss * np.exp(-np.arange(samples) / (decay * RATE)), np.float32)


def _metal(seconds: float, decay: float, low: float, rng: np.random.Generator) -> Audio:
    """Return six inharmonic square waves behind a high-pass: the cymbal of the classic drum machines."""
    time = np.arange(int(seconds * RATE)) / RATE
    scale = rng.uniform(0.8, 1.6)
    hertz = scale * np.array([205.3, 304.4, 369.6, 522.7, 540.0, 800.0]) * rng.uniform(0.95, 1.05, 6)
    ring = np.where(hertz[:, None] * time % 1 < 0.5, np.float32(1), np.float32(-1)).sum(0) / 6
    ring = np.repeat(ring[None], 2, 0) * np.exp(-time / decay)
    return equalise(np.asarray(ring, np.float32), biquad("high_pass", low), biquad("high_pass", low, 1.2))


def _stereo(mono: Audio) -> Audio:
    return np.repeat(mono[None], 2, 0)


def _kick(kind: str, rng: np.random.Generator, hertz: float | None) -> Audio:
    body, over, fall, decay, click, drive = (_between(rng, limits) for limits in KICKS[kind])
    if hertz:
        body = hertz * 2 ** round(float(np.log2(body / hertz)))
    kick = _stereo(_tone(min(6 * decay + 0.2, 3.0), body * over, body, fall, decay))
    attack = _noise(0.02, 0.004, _between(rng, (500, 3000)), 9000, rng)
    kick[:, : attack.shape[-1]] += click * attack
    return np.asarray(np.tanh(kick * np.float32(drive)), np.float32)


def _snare(rng: np.random.Generator) -> Audio:
    tone = rng.uniform(140, 260)
    body = _tone(0.8, tone * rng.uniform(1.1, 2), tone, 0.02, _between(rng, (0.03, 0.18)))
    body += rng.uniform(0, 0.8) * _tone(0.8, tone * 1.83, tone * 1.78, 0.02, _between(rng, (0.02, 0.1)))
    rattle = _noise(
        0.8, _between(rng, (0.03, 0.25)), _between(rng, (500, 3000)), rng.uniform(5000, 16000), rng, rng.uniform(0, 0.6)
    )
    snare = rng.uniform(0.1, 1) * _stereo(body) + rng.uniform(0.3, 1.2) * rattle
    return np.asarray(np.tanh(snare * np.float32(_between(rng, (1, 4)))), np.float32)


def _clap(rng: np.random.Generator) -> Audio:
    clap = np.zeros((2, int(0.7 * RATE)), np.float32)
    low, high = _between(rng, (500, 1300)), _between(rng, (2500, 12000))
    for burst in range(4):
        at = int(burst * rng.uniform(0.006, 0.014) * RATE)
        decay = _between(rng, (0.04, 0.2)) if burst == 3 else 0.006
        slap = _noise(0.5, decay, low, high, rng, rng.uniform(0, 0.8))
        clap[:, at : at + slap.shape[-1]] += slap
    return clap


def _hats(rng: np.random.Generator) -> tuple[Audio, Audio]:
    """Return a closed and an open hi-hat, of square waves, noise or both."""
    low, short, long = rng.uniform(4000, 9500), _between(rng, (0.012, 0.07)), _between(rng, (0.12, 0.4))
    metal = float(rng.choice([0.0, 0.5, 1.0]))
    width = rng.uniform(0, 0.8)

    def hat(seconds: float, decay: float) -> Audio:
        return metal * 2 * _metal(seconds, decay, low, rng) + (1 - metal) * _noise(
            seconds, decay, low, 18000, rng, width
        )

    return hat(0.4, short), hat(1.0, long)


def machine(rng: np.random.Generator, *, kick: str | None = None, hertz: float | None = None) -> Kit:
    """Design a drum machine: kick, snare, claps, hats, toms, cymbals and percussion.

    Args:
        rng: Source of all settings.
        kick: One of :data:`KICKS`. Default: drawn.
        hertz: Tunes the body of the kick to octaves of this frequency in Hz. Default: untuned.
    """
    kick = kick or str(rng.choice(list(KICKS)))
    closed, opened = _hats(rng)
    zap = _stereo(_tone(0.4, _between(rng, (1500, 6000)), _between(rng, (80, 400)), rng.uniform(0.02, 0.08), 0.1))
    bell = 0.5 * _tone(0.5, 540, 540, 0.1, 0.06) + 0.5 * _tone(0.5, 800, 800, 0.1, 0.09)
    drums: dict[int, tuple[Audio, float]] = {
        36: (_kick(kick, rng, hertz), 1.0),
        38: (_snare(rng), rng.uniform(0.45, 0.85)),
        37: (_stereo(_tone(0.2, 2400, rng.uniform(900, 1900), 0.002, _between(rng, (0.008, 0.03)))), 0.45),
        39: (_clap(rng), rng.uniform(0.4, 0.75)),
        42: (closed, rng.uniform(0.12, 0.35)),
        44: (closed, 0.2),
        46: (opened, rng.uniform(0.12, 0.35)),
        49: (_metal(2.5, 0.8, 3500, rng) + 0.5 * _noise(2.5, 0.6, 3000, 16000, rng, 0.7), 0.35),
        51: (_metal(1.5, 0.5, 5000, rng), 0.2),
        54: (pan(_noise(0.2, _between(rng, (0.02, 0.06)), 4500, 12000, rng), rng.uniform(-0.6, 0.6)), 0.2),
        56: (_stereo(bell) if rng.random() < 0.6 else zap, 0.3),
    }
    for key, tuning in ((45, 1.0), (47, 1.35), (50, 1.8)):
        low = tuning * 85
        tom = _stereo(_tone(1.0, low * rng.uniform(1.2, 2.2), low, 0.05, _between(rng, (0.06, 0.25))))
        drums[key] = (pan(tom, (tuning - 1.4) * 0.8), 0.6)
    # some machines have a coarse bit depth, some drums a room of their own
    crusher = Bitcrush(float(rng.integers(5, 11))) if rng.random() < 0.2 else None
    shots = {}
    for key, (audio, level) in drums.items():
        if crusher:
            audio = crusher(audio / np.abs(audio).max(), RATE)
        if key in (38, 39) and rng.random() < 0.3:
            room = Reverb(rng.uniform(0.1, 0.7), 0.4, rng.uniform(0.1, 0.4), 0.8, 1.0)
            audio = room(np.pad(audio, ((0, 0), (0, int(rng.uniform(0.1, 0.8) * RATE)))), RATE)
        fade = min(400, audio.shape[-1])
        audio[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        shots[key] = [(1.0, np.asarray(audio * np.float32(level / np.abs(audio).max()), np.float32))]
    return Kit(f"drum machine, {kick} kick{', crushed' if crusher else ''}", shots)
