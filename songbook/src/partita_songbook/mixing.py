"""Mixing: channel strips with random settings, and the balance of the four stems."""

from __future__ import annotations

import numpy as np
import pedalboard

from partita_songbook.effects import (
    RATE,
    Audio,
    compression,
    delay,
    normalise,
    reverb,
    rms_db,
    widen,
)

__all__ = ["LEVELS", "STEMS", "balance", "channel_strip", "glue", "silent"]

STEMS = ("drums", "bass", "other", "vocals")

# Mean and standard deviation of the level of a stem relative to the drums, in dB.
LEVELS = {"drums": (0.0, 2.5), "bass": (-1.5, 3.0), "other": (-2.0, 3.0), "vocals": (0.0, 3.0)}
_PEAK = 0.97  # of the sum of the stems


def silent(audio: Audio) -> bool:
    """Return whether the peak is below -60 dBFS: a stem that counts as absent from a song."""
    return bool(np.abs(audio).max(initial=0.0) < 1e-3)


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _equaliser(stem: str, rng: np.random.Generator) -> list[pedalboard.Plugin]:
    low, high = {"drums": (1.0, -1.0), "other": (0.0, 1.0)}.get(stem, (0.0, 0.0))
    plugins: list[pedalboard.Plugin] = [
        pedalboard.LowShelfFilter(rng.uniform(80, 300), rng.normal(low, 2.5), 0.7),
        pedalboard.PeakFilter(_log(rng, 250, 5000), rng.normal(0, 3), rng.uniform(0.6, 2)),
        pedalboard.HighShelfFilter(rng.uniform(2500, 9000), rng.normal(high, 3.5), 0.7),
    ]
    # many real stems have no low cut, synthesisers in other least of all
    cleaned = {"drums": 0.2, "bass": 0.3, "other": 0.3, "vocals": 0.65}[stem]
    if _chance(rng, cleaned):
        cut = {"drums": 28.0, "bass": 28.0, "other": _log(rng, 40, 250), "vocals": _log(rng, 70, 180)}[stem]
        plugins += [pedalboard.HighpassFilter(cut), pedalboard.HighpassFilter(cut)]
    if stem == "bass" and _chance(rng, 0.25):
        cut = _log(rng, 300, 3000)
        plugins += [pedalboard.LowpassFilter(cut), pedalboard.LowpassFilter(cut)]
    if stem != "bass" and _chance(rng, 0.12):
        plugins.append(pedalboard.LowpassFilter(_log(rng, 2500, 9000)))
    return plugins


def _dynamics(stem: str, level: float, rng: np.random.Generator) -> list[pedalboard.Plugin]:
    plugins: list[pedalboard.Plugin] = []
    if _chance(rng, 0.9 if stem == "vocals" else 0.5):
        threshold = level + 6 - rng.uniform(2, 12)
        attack, release = _log(rng, 0.5, 30), rng.uniform(50, 300)  # ms
        plugins.append(pedalboard.Compressor(threshold, rng.uniform(1.5, 8), attack, release))
    if _chance(rng, 0.5 if stem == "bass" else 0.3):
        plugins.append(pedalboard.Distortion(rng.uniform(0, 14)))
    return plugins


def _space(stem: str, beat: float, rng: np.random.Generator) -> list[pedalboard.Plugin]:
    plugins: list[pedalboard.Plugin] = []
    if _chance(rng, {"other": 0.2, "vocals": 0.15}.get(stem, 0.03)):
        plugins.append(pedalboard.Chorus(_log(rng, 0.2, 3), rng.uniform(0.05, 0.4), 7, 0, rng.uniform(0.2, 0.5)))
    if _chance(rng, {"other": 0.1, "vocals": 0.04}.get(stem, 0.02)):
        plugins.append(pedalboard.Phaser(_log(rng, 0.1, 2), rng.uniform(0.3, 0.9), 1200, 0.2, 0.5))
    if _chance(rng, {"drums": 0.04, "bass": 0.03, "other": 0.15, "vocals": 0.25}[stem]):
        time = beat * float(rng.choice([0.5, 0.75, 1.0, 0.25, 1.5]))
        plugins.append(pedalboard.Delay(time, rng.uniform(0.1, 0.5), rng.uniform(0.08, 0.3)))
    if _chance(rng, {"drums": 0.3, "bass": 0.3, "other": 0.5, "vocals": 0.7}[stem]):
        size, wet = rng.uniform(0.1, 0.95), _log(rng, 0.04, {"drums": 0.15, "bass": 0.08}.get(stem, 0.3))
        plugins.append(pedalboard.Reverb(size, rng.uniform(0.2, 0.9), wet, 1 - wet, rng.uniform(0.4, 1.0)))
    return plugins


def channel_strip(stem: str, audio: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Process a stem with a channel strip: equaliser, compressor, saturation, modulation, delay and reverb.

    Args:
        stem: One of :data:`STEMS`; sets the ranges of the settings.
        audio: Float32 ``(2, samples)``.
        beat: Length of a beat in seconds, for the delay.
        rng: Source of the settings.

    Returns:
        Float32 ``(2, samples)``; :func:`balance` sets the level.
    """
    if silent(audio):
        return np.zeros_like(audio)
    audio = normalise(audio, -20.0)
    for plugin in [*_equaliser(stem, rng), *_dynamics(stem, rms_db(audio), rng), *_space(stem, beat, rng)]:
        audio = plugin(audio, RATE)
    if _chance(rng, {"other": 0.12, "vocals": 0.25}.get(stem, 0.0)):
        time = beat * float(rng.choice([0.5, 0.75, 1.0]))
        audio = delay(audio, time, rng.uniform(0.2, 0.55), rng.uniform(0.1, 0.4), ping_pong=True)
    if _chance(rng, {"drums": 0.08, "other": 0.15, "vocals": 0.25}.get(stem, 0.0)):
        longest = {"drums": 1.0, "other": 3.0, "vocals": 4.0}[stem]
        audio = reverb(audio, rng.uniform(0.3, longest), _log(rng, 0.08, 0.6), rng, bright=rng.uniform(2500, 10000))
    if stem == "bass":
        return widen(audio, float(rng.choice([0.0, 0.3, 0.8])))
    return widen(audio, rng.uniform(0.7, 1.8) if stem == "other" else rng.uniform(0.5, 1.3))


def balance(stems: dict[str, Audio], rng: np.random.Generator) -> dict[str, Audio]:
    """Draw the levels of the stems and of their sum.

    Args:
        stems: Float32 ``(2, samples)`` each; silent ones stay silent.
        rng: Source of the levels.

    Returns:
        The stems after the bus compressor; the peaks of their sum and of each stem are at most 0.97.
    """
    loudness = rng.uniform(-27, -18)
    mixed = {}
    for stem in STEMS:
        typical, spread = LEVELS[stem]
        offset = typical + float(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
        quiet = silent(stems[stem])
        mixed[stem] = np.zeros_like(stems[stem]) if quiet else normalise(stems[stem], loudness + offset)
    mixed = glue(mixed, rng)
    total = sum(mixed.values(), np.zeros_like(mixed["drums"]))
    peak = max(float(np.abs(audio).max()) for audio in (total, *mixed.values()))
    return {stem: audio * np.float32(min(1.0, _PEAK / (peak + 1e-9))) for stem, audio in mixed.items()}


def glue(stems: dict[str, Audio], rng: np.random.Generator) -> dict[str, Audio]:
    """Limit the sum, and compress it in half of the songs; all stems share its gain, so they still add up to it."""
    total = sum(stems.values(), np.zeros_like(stems["drums"]))
    level, gain = rms_db(total), np.ones((1, 1), np.float32)
    if _chance(rng, 0.5):
        gain = compression(total, level + rng.uniform(-4, 4), rng.uniform(1.5, 4), _log(rng, 0.003, 0.03), 0.15)
    gain = gain * compression(total * gain, min(level + rng.uniform(8, 14), -1.5), 20.0, 0.001, 0.06)
    return {stem: audio * gain for stem, audio in stems.items()}
