"""Vocal effects of electronic productions: doubles, echo throws, gates, stutters, telephones and a channel vocoder."""

from __future__ import annotations

import numpy as np
import pedalboard
import soxr
from numpy.typing import NDArray

from partita_songbook.effects import RATE, Audio, biquad, equalise, pan, rms_db, tremolo

__all__ = ["CHARACTERS", "character", "chop", "double", "faded", "stutter", "throw", "vocode"]

CHARACTERS = ("telephone", "driven", "crushed", "thick", "phased", "gated", "ringing", "octave", "dark")
_FRAME, _HOP = 1024, 256  # samples, of the channel vocoder


def character(kind: str, audio: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Apply one of the :data:`CHARACTERS`.

    Args:
        kind: The character.
        audio: Float32 ``(2, samples)``.
        beat: Length of a beat in seconds.
        rng: Source of the settings.

    Raises:
        KeyError: The character is unknown.
    """
    if kind == "telephone":
        low, high = rng.uniform(250, 600), rng.uniform(2000, 4500)
        return equalise(audio, biquad("high_pass", low), biquad("low_pass", high), biquad("peak", 1200, 0.8, 6))
    if kind == "gated":
        step = beat / float(rng.choice([2, 3, 4]))
        time = np.arange(audio.shape[-1]) / RATE % step / step
        gate = np.interp(time, [0, 0.02, 0.5, 0.6, 1], [0, 1, 1, 0, 0])
        return audio * gate.astype(np.float32)
    if kind == "ringing":
        return 0.6 * audio + 0.6 * tremolo(audio, rng.uniform(60, 400), 1.0)
    if kind == "octave":
        lower = pedalboard.PitchShift(float(rng.choice([-12, -12, -5, 7, 12])))(audio, RATE)
        return np.asarray(audio * rng.choice([0, 0.7, 1]) + lower, np.float32)
    level = rms_db(audio)
    plugin = {
        "driven": pedalboard.Distortion(rng.uniform(12, 30) - level - 20),
        "crushed": pedalboard.Bitcrush(float(rng.integers(4, 8))),
        "thick": pedalboard.Chorus(rng.uniform(0.3, 2), rng.uniform(0.2, 0.6), 8, 0.1, 0.5),
        "phased": pedalboard.Phaser(rng.uniform(0.1, 1), 0.8, 1500, 0.4, 0.5),
        "dark": pedalboard.LowpassFilter(rng.uniform(500, 2000)),
    }[kind]
    return plugin(audio, RATE)


def chop(sound: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Repeat slices of a phrase rhythmically, some of them transposed, for two or four bars.

    Args:
        sound: Float32 ``(1, samples)``.
        beat: Length of a beat in seconds.
        rng: Source of the slices and the rhythm.

    Returns:
        Float32 ``(1, samples)``.
    """
    step = int(beat * RATE * float(rng.choice([0.5, 0.25, 0.75, 1.0])))
    pieces = []
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(max(sound.shape[-1] - step, 1)))
        piece = sound[:1, start : start + step]
        shift = float(rng.choice([0, 0, 0, 12, -12, 7, -5, 3]))
        pieces.append(faded(soxr.resample(piece[0], RATE * 2 ** (shift / 12), RATE, quality="HQ")[None, :step]))
    steps = max(int(float(rng.choice([8, 16])) * beat * RATE / step), 2)
    pattern = rng.integers(len(pieces), size=steps)
    hits = rng.random(steps) < 0.75
    out = np.zeros((1, steps * step), np.float32)
    for i in np.flatnonzero(hits).tolist():
        piece = pieces[int(pattern[i])]
        out[:, i * step : i * step + piece.shape[-1]] = piece
    return out


def faded(sound: Audio, ramp: int = 200) -> Audio:
    """Return a copy that fades in and out over up to ``ramp`` samples."""
    out = sound.copy()
    ramp = min(ramp, out.shape[-1] // 4)
    if ramp:
        curve = np.linspace(0, 1, ramp, dtype=np.float32)
        out[:, :ramp] *= curve
        out[:, -ramp:] *= curve[::-1]
    return out


def double(mono: Audio, width: float, rng: np.random.Generator) -> Audio:
    """Double a voice: add two copies to the sides, slightly late and out of tune.

    Args:
        mono: Float32 ``(1, samples)``.
        width: Position of the copies, 0 (centre) to 1 (hard left and right).
        rng: Source of their delays and tuning.

    Returns:
        Float32 ``(2, samples)``.
    """
    out = pan(mono, 0.0)
    for side in (-width, width):
        copy = soxr.resample(mono[0], RATE * 2 ** (rng.normal(0, 9) / 1200), RATE, quality="MQ")[None]
        late = int(rng.uniform(0.008, 0.03) * RATE)
        length = min(copy.shape[-1], out.shape[-1] - late)
        out[:, late : late + length] += np.float32(0.5) * pan(copy[:, :length], side)
    return out


def throw(audio: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Send a late beat of some bars of ``(2, samples)`` into an echo; ``beat`` is in seconds."""
    bar = int(4 * beat * RATE)
    sent = np.zeros_like(audio)
    for start in range(0, audio.shape[-1], bar):
        if rng.random() < 0.35:
            at = start + int(rng.choice([2, 3]) * beat * RATE)
            span = slice(at, at + int(beat * RATE))
            if sent[:, span].shape[-1] > 1000:
                sent[:, span] = faded(audio[:, span])
    time = beat * float(rng.choice([0.5, 0.75, 1.0]))
    echo = pedalboard.Delay(time, rng.uniform(0.4, 0.75), 1.0)(sent, RATE)
    return np.asarray(audio + np.float32(rng.uniform(0.4, 1)) * echo, np.float32)


def stutter(audio: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Replace the last beat of some bars of ``(2, samples)`` by its repeated first slice; ``beat`` is in seconds."""
    out = audio.copy()
    bar = int(4 * beat * RATE)
    for start in range(0, audio.shape[-1] - bar, bar):
        if rng.random() < 0.3:
            length = int(beat * RATE)
            at = start + bar - length
            slices = int(rng.choice([2, 3, 4, 6, 8]))
            piece = faded(audio[:, at : at + length // slices], 100)
            out[:, at : at + piece.shape[-1] * slices] = np.tile(piece, slices)
    return out


def _bands(count: int) -> NDArray[np.float32]:
    """Return triangular bands ``(bins, count)``, evenly spaced in octaves above 90 Hz."""
    hertz = np.fft.rfftfreq(_FRAME, 1 / RATE)
    edges = np.geomspace(90, 15_000, count + 2)
    rise = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rise, fall), 0, 1).astype(np.float32)


def vocode(voice: Audio, carrier: Audio, rng: np.random.Generator) -> Audio:
    """Impose the spectral envelope of a voice on a carrier, in 12 to 39 bands (channel vocoder).

    Args:
        voice: Float32 ``(1, samples)``, at least as long as the carrier.
        carrier: Float32 ``(2, samples)``.
        rng: Source of the number of bands.

    Returns:
        Float32 ``(2, samples)``, as long as the carrier.
    """
    bands = _bands(int(rng.integers(12, 40)))
    window = np.hanning(_FRAME).astype(np.float32)
    samples = carrier.shape[-1]
    padded = [np.pad(audio, ((0, 0), (_FRAME, _FRAME + -samples % _HOP))) for audio in (voice[:, :samples], carrier)]
    frames = [np.lib.stride_tricks.sliding_window_view(audio, _FRAME, -1)[:, ::_HOP] for audio in padded]
    spectra = [np.fft.rfft(frame * window) for frame in frames]
    level = np.abs(spectra[0][0]) @ bands
    own = np.abs(spectra[1]).mean(0) @ bands
    gain = (level / (own + 0.02 * own.max() + 1e-6)) @ bands.T
    shaped = np.fft.irfft(spectra[1] * gain, _FRAME).astype(np.float32) * window
    out = np.zeros(padded[1].shape, np.float32)
    for i in range(shaped.shape[1]):
        out[:, i * _HOP : i * _HOP + _FRAME] += shaped[:, i]
    return out[:, _FRAME : _FRAME + samples]
