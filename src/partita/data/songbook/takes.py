"""Takes of dry singing and of speech: cut into phrases and analysed with the WORLD vocoder, once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partita.data.songbook.effects import RATE, Audio
from partita.data.songbook.recordings import read_audio
from partita.errors import ConfigError

__all__ = ["FRAME", "Take", "analyse", "median_pitch", "split_phrases", "world"]

FRAME = 0.005  # seconds between frames of the vocoder
_DIMENSIONS = 80  # of the coded spectral envelope; fewer dull the consonants


def world() -> ModuleType:
    """The WORLD vocoder.

    Raises:
        ConfigError: pyworld is not installed.
    """
    try:
        return import_module("pyworld")
    except ImportError as error:
        raise ConfigError("pyworld is not installed: pip install 'partita[songbook]' brings it") from error


@dataclass(frozen=True)
class Take:
    """A phrase of singing as the vocoder sees it, a frame every 5 ms.

    Attributes:
        source: The recording, and the seconds in it where the phrase starts and ends.
        pitch: (frames,) fundamental in Hz, 0 where unvoiced.
        envelope: (frames, dimensions) coded spectral envelope.
        breath: (frames, bands) coded aperiodicity.
    """

    source: tuple[Path, float, float]
    pitch: NDArray[np.float32]
    envelope: NDArray[np.float16]
    breath: NDArray[np.float16]


def median_pitch(take: Take) -> float:
    """Median fundamental of the voiced frames as a (fractional) MIDI pitch."""
    return float(69 + 12 * np.log2(np.median(take.pitch[take.pitch > 0]) / 440))


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


def _phrases(path: Path) -> dict[str, NDArray[Any]]:
    """The frames of all phrases of a recording, and the start (s) and first and last frame of each."""
    vocoder = world()
    audio = read_audio(path, channels=1)
    pitches, envelopes, breaths, bounds, count = [], [], [], [], 0
    for phrase in split_phrases(audio):
        sound = audio[0, phrase].astype(np.float64)
        pitch, times = vocoder.dio(sound, RATE, f0_floor=65.0, f0_ceil=1100.0, frame_period=1000 * FRAME)
        pitch = vocoder.stonemask(sound, pitch, times, RATE)
        if np.mean(pitch > 0) < 0.3:
            continue
        envelope = vocoder.cheaptrick(sound, pitch, times, RATE)
        aperiodicity = vocoder.d4c(sound, pitch, times, RATE)
        pitches.append(pitch.astype(np.float32))
        envelopes.append(vocoder.code_spectral_envelope(envelope, RATE, _DIMENSIONS).astype(np.float16))
        breaths.append(vocoder.code_aperiodicity(aperiodicity, RATE).astype(np.float16))
        bounds.append((phrase.start / RATE, count, count + len(pitch)))
        count += len(pitch)
    if not pitches:
        return {"bounds": np.zeros((0, 3))}
    return {
        "pitch": np.concatenate(pitches),
        "envelope": np.concatenate(envelopes),
        "breath": np.concatenate(breaths),
        "bounds": np.array(bounds),
    }


@lru_cache(maxsize=256)
def analyse(path: Path, cache: Path | None = None) -> tuple[Take, ...]:
    """Split a take into phrases and analyse them with the WORLD vocoder.

    Args:
        path: The recording.
        cache: Folder where the analysis is kept and found again; an entry is known by path, size and time.

    Raises:
        AudioError: The file cannot be read.
        ConfigError: pyworld is not installed.
    """
    if cache is None:
        frames = _phrases(path)
    else:
        facts = path.stat()
        key = hashlib.sha256(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()[:24]
        entry = cache / f"{key}.npz"
        if not entry.exists():
            cache.mkdir(parents=True, exist_ok=True)
            part = cache / f".{key}.{os.getpid()}.npz"
            np.savez(part, allow_pickle=False, **_phrases(path))
            part.replace(entry)
        with np.load(entry) as stored:
            frames = dict(stored)
    takes = []
    for start, first, last in frames["bounds"].tolist():
        for part_of in _breaths(frames["pitch"][int(first) : int(last)]):
            span = slice(int(first) + part_of.start, int(first) + part_of.stop)
            source = (path, start + part_of.start * FRAME, start + part_of.stop * FRAME)
            if np.mean(frames["pitch"][span] > 0) >= 0.3:
                takes.append(Take(source, *(frames[name][span] for name in ("pitch", "envelope", "breath"))))
    return tuple(takes)


def _breaths(pitch: NDArray[np.float32], longest: float = 7.0) -> list[slice]:
    """Divide a long phrase, at unvoiced frames where possible, into parts of up to ``longest`` seconds."""
    parts, start, limit = [], 0, int(longest / FRAME)
    while len(pitch) - start > limit:
        pauses = np.flatnonzero(pitch[start + limit // 3 : start + limit] == 0)
        stop = start + (limit // 3 + int(pauses[-1]) if len(pauses) else limit)
        parts.append(slice(start, stop))
        start = stop
    return [*parts, slice(start, len(pitch))]
