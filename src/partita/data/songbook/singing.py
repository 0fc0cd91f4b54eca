"""Dry takes of singing turned into the vocals of a song: phrases, other voices, keys and effects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from partita.data.songbook.effects import RATE, Audio
from partita.data.songbook.library import read_audio
from partita.errors import ConfigError

__all__ = [
    "FRAME",
    "Take",
    "Voice",
    "analyse",
    "key_shift",
    "replay",
    "resing",
    "split_phrases",
    "synthesise",
]

FRAME = 0.005  # seconds between frames of the vocoder
_DIMENSIONS = 80  # of the coded spectral envelope; fewer dull the consonants
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def _world() -> ModuleType:
    """The WORLD vocoder."""
    try:
        return import_module("pyworld")
    except ImportError as error:
        raise ConfigError("pyworld is not installed: pip install 'partita[songbook]' brings it") from error


@dataclass(frozen=True)
class Take:
    """A phrase of singing as the vocoder sees it, a frame every 5 ms.

    Attributes:
        pitch: (frames,) fundamental in Hz, 0 where unvoiced.
        envelope: (frames, dimensions) coded spectral envelope.
        breath: (frames, bands) coded aperiodicity.
        source: The recording, and the seconds in it where the phrase starts and ends.
    """

    source: tuple[Path, float, float]
    pitch: NDArray[np.float64]
    envelope: NDArray[np.float32]
    breath: NDArray[np.float32]


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


def split_phrases(audio: Audio, *, gap: float = 0.25, floor_db: float = -38.0) -> list[slice]:
    """Find what sounds in a mono take (1, samples).

    Args:
        audio: The take.
        gap: Seconds of quiet that end a phrase.
        floor_db: Quiet, relative to the loudest 20 ms.

    Returns:
        Slices of samples of at least 0.4 s, with 40 ms kept on either side.
    """
    block = RATE // 50
    usable = audio.shape[-1] // block * block
    level = np.sqrt(np.square(audio[0, :usable]).reshape(-1, block).mean(1))
    floor = max(float(level.max(initial=0.0)) * 10 ** (floor_db / 20), 1e-5)
    loud = np.flatnonzero(level > floor)
    if len(loud) == 0:
        return []
    breaks = np.flatnonzero(np.diff(loud) > gap * 50)
    starts, ends = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]] + 1
    return [
        slice(max((int(a) - 2) * block, 0), min((int(b) + 2) * block, audio.shape[-1]))
        for a, b in zip(starts, ends, strict=True)
        if (b - a) * block > 0.4 * RATE
    ]


@lru_cache(maxsize=4096)
def analyse(path: Path) -> tuple[Take, ...]:
    """Split a take into phrases and analyse them with the WORLD vocoder (once a process).

    Raises:
        AudioError: The file cannot be read.
        ConfigError: pyworld is not installed.
    """
    world = _world()
    audio = read_audio(path, channels=1)
    takes = []
    for phrase in split_phrases(audio):
        sound = audio[0, phrase].astype(np.float64)
        pitch, times = world.dio(sound, RATE, f0_floor=65.0, f0_ceil=1100.0, frame_period=1000 * FRAME)
        pitch = world.stonemask(sound, pitch, times, RATE)
        if np.mean(pitch > 0) < 0.3:
            continue
        envelope = world.cheaptrick(sound, pitch, times, RATE)
        breath = world.d4c(sound, pitch, times, RATE)
        coded = world.code_spectral_envelope(envelope, RATE, _DIMENSIONS).astype(np.float32)
        bands = world.code_aperiodicity(breath, RATE).astype(np.float32)
        start = phrase.start / RATE
        for part in _breaths(pitch):
            span = (path, start + part.start * FRAME, start + part.stop * FRAME)
            if np.mean(pitch[part] > 0) >= 0.3:
                takes.append(Take(span, pitch[part], coded[part], bands[part]))
    return tuple(takes)


def _breaths(pitch: NDArray[np.float64], longest: float = 7.0) -> list[slice]:
    """Divide a long phrase, at unvoiced frames where possible, into parts of up to ``longest`` seconds."""
    parts, start, limit = [], 0, int(longest / FRAME)
    while len(pitch) - start > limit:
        pauses = np.flatnonzero(pitch[start + limit // 3 : start + limit] == 0)
        stop = start + (limit // 3 + int(pauses[-1]) if len(pauses) else limit)
        parts.append(slice(start, stop))
        start = stop
    return [*parts, slice(start, len(pitch))]


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


def _midi(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    return 69 + 12 * np.log2(np.maximum(pitch, 1) / 440)


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
    pitch: NDArray[np.float64],
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
    world = _world()
    size = world.get_cheaptrick_fft_size(RATE)
    power = world.decode_spectral_envelope(np.ascontiguousarray(envelope, np.float64), RATE, size)
    aperiodicity = world.decode_aperiodicity(np.ascontiguousarray(breath, np.float64), RATE, size)
    if formants != 1:
        bins = power.shape[1]
        source = np.minimum(np.arange(bins) / formants, bins - 1)
        low = np.minimum(source.astype(int), bins - 2)
        part = source - low
        logs = np.log(power)
        power = np.ascontiguousarray(np.exp(logs[:, low] * (1 - part) + logs[:, low + 1] * part))
    sound = world.synthesize(np.ascontiguousarray(pitch), power, aperiodicity, RATE, 1000 * FRAME)
    return _fade(sound)
