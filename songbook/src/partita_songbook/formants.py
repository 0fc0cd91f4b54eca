"""A synthetic singer: a glottal source with vibrato and breath, filtered by the formants of vowels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from partita_songbook.effects import RATE, Audio, biquad, equalise, sweep
from partita_songbook.synth import Patch, frequency, wavetables

__all__ = ["SungNote", "croon"]

_BLOCK = 256  # samples per control step

# Frequencies (Hz) and levels (dB) of five formants of sung vowels.
_VOWELS = {
    "a": ((800, 1150, 2800, 3500, 4950), (0, -4, -16, -22, -36)),
    "e": ((450, 1900, 2700, 3400, 4950), (0, -12, -18, -24, -38)),
    "i": ((330, 2200, 2900, 3700, 4950), (0, -14, -18, -24, -38)),
    "o": ((480, 850, 2800, 3500, 4950), (0, -7, -20, -26, -42)),
    "u": ((340, 720, 2600, 3500, 4950), (0, -10, -26, -32, -46)),
    "m": ((250, 1000, 2200, 3300, 4950), (-6, -24, -34, -40, -50)),
    "l": ((360, 1300, 2700, 3400, 4950), (-4, -14, -24, -30, -42)),
}
_WIDTHS = np.array([80, 95, 130, 160, 220])  # Hz

# Consonant -> seconds, formants of the voice meanwhile (none: unvoiced), and noise: level, low and high cut-off in Hz.
_ONSETS: dict[str, tuple[float, str, tuple[float, float, float]]] = {
    "": (0.0, "", (0, 0, 0)),
    "m": (0.07, "m", (0, 0, 0)),
    "n": (0.06, "m", (0, 0, 0)),
    "l": (0.06, "l", (0, 0, 0)),
    "d": (0.03, "", (0.5, 2500, 6000)),
    "t": (0.04, "", (0.8, 3500, 9000)),
    "s": (0.09, "", (0.8, 5000, 12000)),
    "h": (0.07, "", (0.35, 800, 4000)),
}


@dataclass(frozen=True, slots=True)
class SungNote:
    """A note sung on one syllable.

    Attributes:
        start: Onset in seconds.
        duration: Seconds.
        pitch: MIDI pitch.
        onset: Consonant: m, n, l, d, t, s, h, or none (empty).
        vowel: a, e, i, o or u.
    """

    start: float
    duration: float
    pitch: int
    onset: str
    vowel: str


def _contours(
    syllables: tuple[SungNote, ...], blocks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return pitch (MIDI), loudness, formant frequencies (Hz) and formant levels (dB) in each block, unsmoothed."""
    first = _VOWELS[syllables[0].vowel]
    pitch = np.full(blocks, float(syllables[0].pitch))
    loud = np.zeros(blocks)
    hertz, level = np.tile(np.array(first[0], float), (blocks, 1)), np.tile(np.array(first[1], float), (blocks, 1))
    for syllable in syllables:
        seconds, meanwhile, _ = _ONSETS[syllable.onset]
        start = round(syllable.start * RATE / _BLOCK)
        vowel = start + round(seconds * RATE / _BLOCK)
        end = round((syllable.start + syllable.duration) * RATE / _BLOCK)
        pitch[start:] = syllable.pitch  # held through pauses, so that the next glide starts here
        hertz[start:], level[start:] = _VOWELS[syllable.vowel]
        if meanwhile:
            hertz[start:vowel], level[start:vowel] = _VOWELS[meanwhile]
        loud[start:vowel] = 0.6 if meanwhile else 0.0
        loud[vowel:end] = 1.0
    return pitch, loud, hertz, level


def croon(syllables: tuple[SungNote, ...], samples: int, rng: np.random.Generator, *, size: float = 1.0) -> Audio:
    """Sing a melody.

    Args:
        syllables: The notes, at least one, in order and without overlap.
        samples: Length of the result.
        rng: Source of breath and drift.
        size: Factor on the formant frequencies; below 1 sounds like a larger singer.

    Returns:
        Float32 ``(1, samples)`` with peak 1.

    Raises:
        KeyError: A consonant or vowel is unknown.
    """
    blocks = -(-samples // _BLOCK)
    per_second = RATE / _BLOCK
    pitch, loud, hertz, level = _contours(syllables, blocks)
    pitch = ndimage.gaussian_filter1d(pitch, 0.022 * per_second)
    hertz = ndimage.gaussian_filter1d(hertz, 0.018 * per_second, axis=0) * size
    level = ndimage.gaussian_filter1d(level, 0.015 * per_second, axis=0)
    loud = ndimage.gaussian_filter1d(loud, 0.012 * per_second)
    time = np.arange(blocks) / per_second
    held = (
        time
        - np.array([s.start for s in syllables])[
            np.clip(np.searchsorted([s.start for s in syllables], time, "right") - 1, 0, None)
        ]
    )
    drift = ndimage.gaussian_filter1d(rng.standard_normal(blocks), 0.08 * per_second) * 0.6
    vibrato = 0.35 * np.clip((held - 0.22) / 0.35, 0, 1) * np.sin(2 * np.pi * 5.4 * time + drift)
    curve = np.interp(np.arange(samples) / _BLOCK, np.arange(blocks), pitch + vibrato + 0.12 * drift)
    cycles = np.cumsum(440 * 2 ** ((curve - 69) / 12) / RATE)
    table = wavetables(Patch("saw"), frequency(float(curve.max())), np.array([20_000.0]))[0]
    source = table.take((cycles % 1 * len(table)).astype(np.intp))[None]
    # a saw falls by 6 dB per octave, a glottal source with lip radiation by less
    source = equalise(source, biquad("high_shelf", 1200, 0.5, 14))
    source += 0.08 * rng.standard_normal((1, samples), np.float32)
    out = np.zeros((1, samples), np.float32)
    position = np.arange(samples) / _BLOCK
    for i, width in enumerate(_WIDTHS):
        q = float(np.median(hertz[:, i])) / width
        gain = np.interp(position, np.arange(blocks), 10 ** (level[:, i] / 20))
        out += sweep(source, "band_pass", hertz[:, i], q) * gain.astype(np.float32)
    out *= np.interp(position, np.arange(blocks), loud).astype(np.float32)
    peak = np.abs(out).max()
    for syllable in syllables:
        seconds, _, (strength, low, high) = _ONSETS[syllable.onset]
        start, length = round(syllable.start * RATE), round(seconds * RATE)
        if strength == 0 or start + length > samples:
            continue
        hiss = equalise(
            rng.standard_normal((1, length), np.float32), biquad("high_pass", low), biquad("low_pass", high)
        )
        out[:, start : start + length] += hiss * np.hanning(length).astype(np.float32) * (0.12 * strength * peak)
    return np.asarray(out / np.abs(out).max(), np.float32)
