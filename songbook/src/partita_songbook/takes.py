"""Takes of dry singing and speech: cut into phrases and analysed with the WORLD vocoder, once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyworld
from numpy.typing import NDArray

from partita.errors import AudioError
from partita.system.atomic import open_atomically
from partita_songbook.effects import RATE, Audio
from partita_songbook.recordings import read_audio

__all__ = ["FRAME", "Take", "analyse", "median_pitch", "split_phrases"]

FRAME = 0.005  # seconds per frame of the vocoder
_DIMENSIONS = 80  # dimensions of the coded spectral envelope; fewer dull the consonants


@dataclass(frozen=True)
class Take:
    """A phrase of singing as frames of the vocoder, one every 5 ms.

    Attributes:
        source: The recording, and where the phrase starts and ends in it, in seconds.
        pitch: ``(frames,)``, fundamental in Hz; 0 where unvoiced.
        envelope: ``(frames, dimensions)``, coded spectral envelope.
        breath: ``(frames, bands)``, coded aperiodicity.
    """

    source: tuple[Path, float, float]
    pitch: NDArray[np.float32]
    envelope: NDArray[np.float16]
    breath: NDArray[np.float16]


def median_pitch(take: Take) -> float:
    """Return the median fundamental of the voiced frames, as a fractional MIDI pitch."""
    return float(69 + 12 * np.log2(np.median(take.pitch[take.pitch > 0]) / 440))


def split_phrases(audio: Audio, *, gap: float = 0.25, floor_db: float = -38.0) -> list[slice]:
    """Find the phrases of a take.

    Args:
        audio: Float32 ``(1, samples)``.
        gap: Seconds of quiet that end a phrase.
        floor_db: Level below which 20 ms count as quiet, in dB relative to the loudest 20 ms.

    Returns:
        Slices of samples, for phrases longer than 0.4 s, with 40 ms of margin on either side.
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
    """Return the frames of all phrases of a recording, and the start (s), first and last frame of each."""
    audio = read_audio(path, channels=1)
    pitches, envelopes, breaths, bounds, count = [], [], [], [], 0
    for phrase in split_phrases(audio):
        sound = audio[0, phrase].astype(np.float64)
        pitch, times = pyworld.dio(sound, RATE, f0_floor=65.0, f0_ceil=1100.0, frame_period=1000 * FRAME)
        pitch = pyworld.stonemask(sound, pitch, times, RATE)
        if np.mean(pitch > 0) < 0.3:
            continue
        envelope = pyworld.cheaptrick(sound, pitch, times, RATE)
        aperiodicity = pyworld.d4c(sound, pitch, times, RATE)
        pitches.append(pitch.astype(np.float32))
        envelopes.append(pyworld.code_spectral_envelope(envelope, RATE, _DIMENSIONS).astype(np.float16))
        breaths.append(pyworld.code_aperiodicity(aperiodicity, RATE).astype(np.float16))
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
    """Split a recording into phrases and analyse them with the WORLD vocoder.

    Args:
        path: The recording.
        cache: Folder that keeps the analysis; an entry belongs to a path, size and modification time. ``None`` keeps
            nothing on disk.

    Returns:
        The phrases in order, of up to 7 s each.

    Raises:
        AudioError: The file cannot be read.
        OutputError: The cache cannot be written.
    """
    if cache is None:
        frames = _phrases(path)
    else:
        try:
            facts = path.stat()
        except OSError as error:
            raise AudioError(f"{path}: cannot be read: {error.strerror}") from error
        key = hashlib.sha256(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()[:24]
        entry = cache / f"{key}.npz"
        if not entry.exists():
            phrases = _phrases(path)
            with open_atomically(entry) as file:
                np.savez(file, allow_pickle=False, **phrases)
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
    """Divide a phrase into parts of up to ``longest`` seconds, at unvoiced frames where possible."""
    parts, start, limit = [], 0, int(longest / FRAME)
    while len(pitch) - start > limit:
        pauses = np.flatnonzero(pitch[start + limit // 3 : start + limit] == 0)
        stop = start + (limit // 3 + int(pauses[-1]) if len(pauses) else limit)
        parts.append(slice(start, stop))
        start = stop
    return [*parts, slice(start, len(pitch))]
