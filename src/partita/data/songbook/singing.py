"""Takes sung again by the WORLD vocoder: in other keys, tempi and voices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from partita.data.songbook.effects import RATE, Audio
from partita.data.songbook.recordings import read_audio
from partita.data.songbook.takes import FRAME, Take, world

__all__ = ["Voice", "key_shift", "replay", "resing", "synthesise"]

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True)
class Voice:
    """How a take is sung again.

    Attributes:
        semitones: Transposition.
        formants: Factor on the frequencies of the formants; above 1 is a smaller singer.
        tempo: Factor on the speed.
        tune: 0 keeps the singer's intonation, 1 snaps every frame to the nearest note of the key.
        tonic: Pitch class of the key.
        minor: Mode of the key.
        flutter: Random slow deviation in cents, so that two voices differ.
    """

    semitones: float = 0.0
    formants: float = 1.0
    tempo: float = 1.0
    tune: float = 0.0
    tonic: int = 0
    minor: bool = False
    flutter: float = 0.0


def replay(take: Take, semitones: float) -> Audio:
    """The recording of a take, resampled and so moved in pitch, tempo and formants: float32 (1, samples)."""
    path, start, end = take.source
    sound = read_audio(path, channels=1)[0, int(start * RATE) : int(end * RATE)]
    sound = soxr.resample(sound, RATE * 2 ** (semitones / 12), RATE, quality="HQ")
    return _fade(sound)


def _fade(sound: Audio) -> Audio:
    """Ramps of 10 ms at both ends of (samples,), as (1, samples)."""
    sound = np.array(sound, np.float32)
    ramp = np.linspace(0, 1, min(RATE // 100, len(sound) // 2), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    return sound[None]


def _midi(pitch: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(69 + 12 * np.log2(np.maximum(pitch, 1) / 440), np.float64)


def key_shift(take: Take, tonic: int, minor: bool) -> int:
    """Transposition in semitones (-6 to 5) that puts most of a take's voiced frames on the notes of a key."""
    notes = _midi(take.pitch[take.pitch > 0])
    scale = np.zeros(12)
    scale[[(tonic + step) % 12 for step in (_MINOR if minor else _MAJOR)]] = 1
    # the triad counts more, so that a relative key does not tie
    scale[[tonic, (tonic + (3 if minor else 4)) % 12, (tonic + 7) % 12]] = 1.5
    shifts = np.arange(-6, 6)
    fit = [scale[np.round(notes + shift).astype(int) % 12].sum() - 0.02 * abs(shift) * len(notes) for shift in shifts]
    return int(shifts[int(np.argmax(fit))])


def _snap(notes: NDArray[np.float64], voice: Voice) -> NDArray[np.float64]:
    """The nearest notes of the voice's key, glided into over some 30 ms."""
    scale = np.array([voice.tonic + step for step in (_MINOR if voice.minor else _MAJOR)])
    grid = np.unique(np.concatenate([scale + 12 * octave for octave in range(-1, 11)]))
    nearest = grid[np.abs(notes[:, None] - grid[None]).argmin(1)].astype(float)
    glide = np.hanning(9)[1:-1]
    return np.convolve(np.pad(nearest, 3, mode="edge"), glide / glide.sum(), mode="valid")


def resing(take: Take, voice: Voice, rng: np.random.Generator) -> Audio:
    """Sing a take again in another key, tempo and voice: float32 (1, samples).

    Raises:
        ConfigError: pyworld is not installed.
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
        knots = np.arange(0, frames + 40, 40)  # a turn every 0.2 s
        notes += np.interp(np.arange(frames), knots, rng.standard_normal(len(knots))) * voice.flutter / 100
    pitch = np.where(voiced, 440 * 2 ** ((notes - 69) / 12), 0.0)
    return synthesise(pitch, take.envelope[nearest], take.breath[nearest], voice.formants)


def synthesise(
    pitch: NDArray[np.floating[Any]],
    envelope: NDArray[np.floating[Any]],
    breath: NDArray[np.floating[Any]],
    formants: float = 1.0,
) -> Audio:
    """Turn the vocoder's frames into sound, with formants moved by a factor: float32 (1, samples).

    Args:
        pitch: (frames,) in Hz, 0 where unvoiced.
        envelope: (frames, dimensions) coded spectral envelope.
        breath: (frames, bands) coded aperiodicity.
        formants: Factor on the frequencies of the formants.

    Raises:
        ConfigError: pyworld is not installed.
    """
    vocoder = world()
    size = vocoder.get_cheaptrick_fft_size(RATE)
    power = vocoder.decode_spectral_envelope(np.ascontiguousarray(envelope, np.float64), RATE, size)
    aperiodicity = vocoder.decode_aperiodicity(np.ascontiguousarray(breath, np.float64), RATE, size)
    if formants != 1:
        bins = power.shape[1]
        source = np.minimum(np.arange(bins) / formants, bins - 1)
        low = np.minimum(source.astype(int), bins - 2)
        part = source - low
        logs = np.log(power)
        power = np.ascontiguousarray(np.exp(logs[:, low] * (1 - part) + logs[:, low + 1] * part))
    sound = vocoder.synthesize(np.ascontiguousarray(pitch, np.float64), power, aperiodicity, RATE, 1000 * FRAME)
    return _fade(sound)
