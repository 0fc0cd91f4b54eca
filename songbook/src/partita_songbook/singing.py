"""Takes resynthesised by the WORLD vocoder in other keys, tempi and voices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyworld
import soxr
from numpy.typing import NDArray

from partita_songbook.effects import RATE, Audio
from partita_songbook.recordings import read_audio
from partita_songbook.takes import FRAME, Take

__all__ = ["Voice", "key_shift", "replay", "resing", "synthesise"]

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True)
class Voice:
    """How a take is resynthesised.

    Attributes:
        semitones: Transposition.
        formants: Factor on the formant frequencies; above 1 sounds like a smaller singer.
        tempo: Factor on the speed.
        tune: Pitch correction: 0 keeps the singer's intonation, 1 snaps every frame to the nearest note of the key.
        tonic: Pitch class of the key, 0 (C) to 11.
        minor: Whether the key is minor.
        flutter: Depth of a slow random deviation in cents, which makes doubled voices differ.
    """

    semitones: float = 0.0
    formants: float = 1.0
    tempo: float = 1.0
    tune: float = 0.0
    tonic: int = 0
    minor: bool = False
    flutter: float = 0.0


def replay(take: Take, semitones: float) -> Audio:
    """Return the recording of a take, resampled, so that pitch, tempo and formants all shift.

    Args:
        take: The take.
        semitones: Shift of the pitch.

    Returns:
        Float32 ``(1, samples)``.

    Raises:
        AudioError: The recording cannot be read.
    """
    path, start, end = take.source
    sound = read_audio(path, channels=1)[0, int(start * RATE) : int(end * RATE)]
    sound = soxr.resample(sound, RATE * 2 ** (semitones / 12), RATE, quality="HQ")
    return _fade(sound)


def _fade(sound: Audio) -> Audio:
    """Fade ``(samples,)`` in and out over 10 ms; returns ``(1, samples)``."""
    sound = np.array(sound, np.float32)
    ramp = np.linspace(0, 1, min(RATE // 100, len(sound) // 2), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    return sound[None]


def _midi(pitch: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(69 + 12 * np.log2(np.maximum(pitch, 1) / 440), np.float64)


def key_shift(take: Take, tonic: int, minor: bool) -> int:
    """Return the transposition in semitones, -6 to 5, that puts most of a take's voiced frames on notes of a key."""
    notes = _midi(take.pitch[take.pitch > 0])
    scale = np.zeros(12)
    scale[[(tonic + step) % 12 for step in (_MINOR if minor else _MAJOR)]] = 1
    # notes of the triad count more, so that relative keys do not tie
    scale[[tonic, (tonic + (3 if minor else 4)) % 12, (tonic + 7) % 12]] = 1.5
    shifts = np.arange(-6, 6)
    fit = [scale[np.round(notes + shift).astype(int) % 12].sum() - 0.02 * abs(shift) * len(notes) for shift in shifts]
    return int(shifts[int(np.argmax(fit))])


def _snap(notes: NDArray[np.float64], voice: Voice) -> NDArray[np.float64]:
    """Return the nearest notes of the voice's key, with glides of about 30 ms between them."""
    scale = np.array([voice.tonic + step for step in (_MINOR if voice.minor else _MAJOR)])
    grid = np.unique(np.concatenate([scale + 12 * octave for octave in range(-1, 11)]))
    nearest = grid[np.abs(notes[:, None] - grid[None]).argmin(1)].astype(float)
    glide = np.hanning(9)[1:-1]
    return np.convolve(np.pad(nearest, 3, mode="edge"), glide / glide.sum(), mode="valid")


def resing(take: Take, voice: Voice, rng: np.random.Generator) -> Audio:
    """Resynthesise a take.

    Args:
        take: The take.
        voice: How.
        rng: Source of the flutter.

    Returns:
        Float32 ``(1, samples)``.
    """
    frames = max(int(len(take.pitch) / voice.tempo), 2)
    at = np.linspace(0, len(take.pitch) - 1, frames)
    nearest = np.round(at).astype(int)
    pitch = take.pitch[nearest].copy()
    voiced = pitch > 0
    notes = _midi(pitch) + voice.semitones
    if voice.tune:
        notes += voice.tune * (_snap(notes, voice) - notes)
    if voice.flutter:
        knots = np.arange(0, frames + 40, 40)  # one random value every 0.2 s
        notes += np.interp(np.arange(frames), knots, rng.standard_normal(len(knots))) * voice.flutter / 100
    pitch = np.where(voiced, 440 * 2 ** ((notes - 69) / 12), 0.0)
    return synthesise(pitch, take.envelope[nearest], take.breath[nearest], voice.formants)


def synthesise(
    pitch: NDArray[np.floating[Any]],
    envelope: NDArray[np.floating[Any]],
    breath: NDArray[np.floating[Any]],
    formants: float = 1.0,
) -> Audio:
    """Turn frames of the vocoder into sound.

    Args:
        pitch: ``(frames,)`` in Hz, 0 where unvoiced.
        envelope: ``(frames, dimensions)``, coded spectral envelope.
        breath: ``(frames, bands)``, coded aperiodicity.
        formants: Factor on the formant frequencies.

    Returns:
        Float32 ``(1, samples)``.
    """
    size = pyworld.get_cheaptrick_fft_size(RATE)
    power = pyworld.decode_spectral_envelope(np.ascontiguousarray(envelope, np.float64), RATE, size)
    aperiodicity = pyworld.decode_aperiodicity(np.ascontiguousarray(breath, np.float64), RATE, size)
    if formants != 1:
        bins = power.shape[1]
        source = np.minimum(np.arange(bins) / formants, bins - 1)
        low = np.minimum(source.astype(int), bins - 2)
        part = source - low
        logs = np.log(power)
        power = np.ascontiguousarray(np.exp(logs[:, low] * (1 - part) + logs[:, low + 1] * part))
    sound = pyworld.synthesize(np.ascontiguousarray(pitch, np.float64), power, aperiodicity, RATE, 1000 * FRAME)
    return _fade(sound)
