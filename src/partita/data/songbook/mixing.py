"""Channel strips with settings drawn at random, and the balance of the four stems."""

from __future__ import annotations

import numpy as np

from partita.data.songbook.effects import (
    Audio,
    biquad,
    compress,
    delay,
    equalise,
    normalise,
    reverb,
    rms_db,
    saturate,
    widen,
)

__all__ = ["LEVELS", "STEMS", "balance", "channel_strip", "silent"]

STEMS = ("drums", "bass", "other", "vocals")

# Typical level of a stem relative to the drums in dB, and its spread.
LEVELS = {"drums": (0.0, 2.0), "bass": (-1.5, 2.5), "other": (-2.5, 2.5), "vocals": (0.0, 2.5)}
_PEAK = 0.97  # of the sum of the stems


def silent(audio: Audio) -> bool:
    """Whether nothing is heard: below -60 dBFS throughout."""
    return bool(np.abs(audio).max(initial=0.0) < 1e-3)


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def channel_strip(stem: str, audio: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Equalise, compress, saturate, echo and reverberate a stem as a mix engineer might.

    Args:
        stem: One of :data:`STEMS`; sets how much of what.
        audio: float32 (2, samples).
        beat: Length of a beat in seconds, for the echoes.
        rng: Source of the settings.

    Returns:
        float32 (2, samples); the level is left to :func:`balance`.
    """
    if silent(audio):
        return np.zeros_like(audio)
    audio = normalise(audio, -20.0)
    cut = {"drums": 25.0, "bass": 25.0, "other": rng.uniform(40, 180), "vocals": rng.uniform(70, 160)}[stem]
    low, high = {"drums": (1.5, -1.5), "other": (0.0, 2.0)}.get(stem, (0.0, 0.0))
    sections = [
        biquad("high_pass", cut),
        biquad("low_shelf", rng.uniform(80, 300), gain_db=rng.normal(low, 2)),
        biquad(
            "peak",
            float(np.exp(rng.uniform(np.log(250), np.log(4000)))),
            rng.uniform(0.6, 2),
            rng.normal(0, 2.5),
        ),
        biquad("high_shelf", rng.uniform(2500, 9000), gain_db=rng.normal(high, 3)),
    ]
    if stem == "bass" and _chance(rng, 0.3):
        sections.append(biquad("low_pass", float(np.exp(rng.uniform(np.log(300), np.log(3000))))))
    audio = equalise(audio, *sections)
    if _chance(rng, 0.9 if stem == "vocals" else 0.5):
        over = rng.uniform(2, 12)
        audio = compress(
            audio,
            rms_db(audio) + 6 - over,
            rng.uniform(1.5, 6),
            rng.uniform(0.002, 0.03),
            rng.uniform(0.05, 0.3),
        )
    if _chance(rng, 0.35):
        audio = saturate(audio, rng.uniform(0, 10))
    echo = {"drums": 0.05, "bass": 0.03, "other": 0.35, "vocals": 0.45}[stem]
    if _chance(rng, echo):
        time = beat * float(rng.choice([0.5, 0.75, 1.0, 0.25, 1.5]))
        audio = delay(audio, time, rng.uniform(0.2, 0.55), rng.uniform(0.15, 0.5), ping_pong=_chance(rng, 0.5))
    room = {"drums": 0.4, "bass": 0.12, "other": 0.65, "vocals": 0.85}[stem]
    if _chance(rng, room):
        longest = {"drums": 1.2, "bass": 0.8, "other": 3.0, "vocals": 3.5}[stem]
        wet = float(np.exp(rng.uniform(np.log(0.08), np.log({"drums": 0.3, "bass": 0.15}.get(stem, 0.6)))))
        audio = reverb(audio, rng.uniform(0.3, longest), wet, rng, bright=rng.uniform(2500, 10000))
    if stem == "bass":
        return widen(audio, float(rng.choice([0.0, 0.3, 0.8])))
    return widen(audio, rng.uniform(0.7, 1.8) if stem == "other" else rng.uniform(0.6, 1.3))


def balance(stems: dict[str, Audio], rng: np.random.Generator) -> dict[str, Audio]:
    """Set the levels of the stems against each other and of their sum.

    Args:
        stems: float32 (2, samples) each; silent ones stay silent.
        rng: Source of the spread of levels.

    Returns:
        The stems scaled; the peak of their sum and of each stays below 0.97.
    """
    loudness = rng.uniform(-25, -18)
    mixed = {}
    for stem in STEMS:
        typical, spread = LEVELS[stem]
        offset = typical + float(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
        quiet = silent(stems[stem])
        mixed[stem] = np.zeros_like(stems[stem]) if quiet else normalise(stems[stem], loudness + offset)
    total = sum(mixed.values(), np.zeros_like(mixed["drums"]))
    peak = max(float(np.abs(audio).max()) for audio in (total, *mixed.values()))
    return {stem: audio * np.float32(min(1.0, _PEAK / (peak + 1e-9))) for stem, audio in mixed.items()}
