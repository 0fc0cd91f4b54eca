"""Transition effects between sections (risers, sweeps, impacts), and beds of noise."""

from __future__ import annotations

import numpy as np

from partita.errors import nearest
from partita_songbook.effects import RATE, Audio, normalise, pan, sweep
from partita_songbook.synth import Patch, play_note

__all__ = ["KINDS", "bed", "transition"]

KINDS = ("riser", "tone riser", "downlifter", "impact", "reversed", "zap")


def transition(kind: str, seconds: float, rng: np.random.Generator) -> Audio:
    """Render a transition effect.

    Args:
        kind: One of :data:`KINDS`. Risers and ``reversed`` end at a new section, the others begin with it.
        seconds: Length.
        rng: Source of all settings.

    Returns:
        Float32 ``(2, samples)`` with peak 1.

    Raises:
        ValueError: The kind is unknown.
    """
    samples = int(seconds * RATE)
    ramp = np.linspace(0, 1, samples, dtype=np.float32)
    if kind in ("riser", "downlifter", "reversed"):
        noise = rng.standard_normal((2, samples), np.float32)
        low, high = rng.uniform(150, 900), rng.uniform(4000, 14000)
        curve = np.geomspace(low, high, 200)
        filtering = str(rng.choice(["band_pass", "low_pass", "high_pass"]))
        audio = sweep(noise, filtering, curve, rng.uniform(0.7, 3))
        audio *= ramp ** rng.uniform(1, 3) if kind != "reversed" else np.exp(-8 * (1 - ramp))
        if kind == "downlifter":
            audio = audio[:, ::-1].copy()
    elif kind == "tone riser":
        cycles = np.cumsum(rng.uniform(80, 300) * 2 ** (rng.uniform(1, 4) * ramp.astype(np.float64)) / RATE)
        phases = cycles * np.array([[0.994], [1.006]]) % 1
        audio = sweep((2 * phases - 1).astype(np.float32), "low_pass", np.geomspace(500, 9000, 100), 1.5)
        audio *= ramp**1.5
    elif kind == "impact":
        body = play_note(Patch("sine", decay=1.2, sustain=0, bend=24, release=0.5), rng.uniform(26, 36), seconds, rng)
        noise = rng.standard_normal((2, samples), np.float32) * np.exp(-ramp * seconds / rng.uniform(0.1, 0.7))
        audio = body[:, :samples] + 0.5 * sweep(noise, "low_pass", np.geomspace(9000, 200, 100))
    elif kind == "zap":
        drop = rng.uniform(200, 600) + rng.uniform(1500, 6000) * np.exp(-12 * ramp.astype(np.float64))
        audio = pan(np.sin(2 * np.pi * np.cumsum(drop) / RATE)[None], rng.uniform(-0.6, 0.6)) * np.exp(-6 * ramp)
    else:
        raise ValueError(f"unknown transition {kind!r}{nearest(kind, KINDS)}")
    return np.asarray(audio / (np.abs(audio).max() + 1e-9), np.float32)


def bed(samples: int, beat: float, rng: np.random.Generator) -> Audio:
    """Render slowly moving filtered noise or crackles, like wind, tape hiss, rain or vinyl.

    Args:
        samples: Length of the result.
        beat: Length of a beat in seconds; the filter moves in multiples of it.
        rng: Source of all settings.

    Returns:
        Float32 ``(2, samples)`` at -20 dB.
    """
    if rng.random() < 0.3:
        noise = np.zeros((2, samples), np.float32)
        count = int(samples / RATE * rng.uniform(4, 40))
        noise[:, rng.integers(samples, size=count)] = rng.standard_normal((2, count)) * rng.random(count) ** 2
    else:
        noise = rng.standard_normal((2, samples), np.float32)
    centre, octaves = float(np.exp(rng.uniform(np.log(200), np.log(7000)))), rng.uniform(0.2, 2)
    turns = samples / RATE / (beat * float(rng.choice([4, 8, 16, 32])))
    curve = centre * 2 ** (octaves * np.sin(np.linspace(0, 2 * np.pi * turns, samples // 4096 + 1)))
    return normalise(sweep(noise, "band_pass", curve, rng.uniform(0.4, 4)), -20.0)
