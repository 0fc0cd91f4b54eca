"""Songs decoded once and memory-mapped, so that training does not wait for decoders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partita.audio import resample_blocks
from partita.data.readers import open_stem
from partita.data.songs import Song
from partita.errors import AudioError, OutputError
from partita.system.atomic import open_atomically, write_atomically
from partita.system.cores import usable_cores

__all__ = ["CachedSong", "cache_song", "cache_songs"]

_VERSION = 2  # of the file layout; songs cached in another layout are decoded again
_PEAK = 32767  # int16 value of each stem's peak
_LENGTH_TOLERANCE = 0.1  # seconds by which the stems of a song may differ, since lossy encoders pad


@dataclass(frozen=True)
class CachedSong:
    """A decoded song, whose samples stay on disk and are memory-mapped by each process that reads them.

    Attributes:
        song: The song that was decoded.
        path: File of the samples, int16.
        sources: Names of the stems, in the order in which they are stored.
        sample_rate: Sample rate in Hz.
        shape: ``(sources, channels, samples)``.
        gains: For each stem, the factor that turns int16 values into samples.
        deviation: Standard deviation of the mono mixture.
    """

    song: Song
    path: Path
    sources: tuple[str, ...]
    sample_rate: int
    shape: tuple[int, int, int]
    gains: tuple[float, ...]
    deviation: float

    @property
    def name(self) -> str:
        """The song's name."""
        return self.song.name

    @property
    def samples(self) -> int:
        """The song's length in samples."""
        return self.shape[2]

    @cached_property
    def stems(self) -> NDArray[np.int16]:
        """The stored values, int16 ``(sources, channels, samples)``; each stem's peak is 32767."""
        return np.memmap(self.path, np.int16, "r", shape=self.shape)

    def read(self, start: int = 0, samples: int | None = None) -> NDArray[np.float32]:
        """Read an excerpt of all stems, padded with silence outside the song.

        Args:
            start: First sample of the excerpt; may be negative.
            samples: Length of the excerpt in samples (default: to the end of the song).

        Returns:
            Float32 ``(sources, channels, samples)``.
        """
        samples = self.samples - start if samples is None else samples
        first, last = max(0, start), min(self.samples, start + samples)
        out = np.empty((*self.shape[:2], samples), np.float32)
        if first != start or last != start + samples:
            out[:] = 0
        if first < last:
            gains = np.array(self.gains, np.float32)[:, None, None]
            np.multiply(self.stems[..., first:last], gains, out=out[..., first - start : last - start])
        return out

    def __getstate__(self) -> dict[str, Any]:
        # without the mapped samples: the receiving process maps the file itself
        return {name: value for name, value in self.__dict__.items() if name != "stems"}


def cache_song(song: Song, sources: Sequence[str], channels: int, sample_rate: int, folder: Path) -> CachedSong:
    """Decode a song into a cache folder, unless it is already there.

    Stems are stored as 16-bit integers, each with its own gain: no stem clips, and quiet stems keep their precision.
    Four stereo stems at 44.1 kHz take 42 MB a minute. A song is decoded again when the path, size or modification time
    of a file changes, or when other sources, channels or another sample rate are requested.

    Args:
        song: The song.
        sources: Names of the stems, in the order in which to store them; stems the song lacks are silent.
        channels: Number of channels to decode to, 2 or 1.
        sample_rate: Sample rate to decode to, in Hz.
        folder: The cache folder; any number of processes may share it.

    Raises:
        AudioError: A stem cannot be decoded, or the stems differ in length by more than 0.1 s.
        OutputError: The cache cannot be written, for example because the disk is full; no partial files remain.
    """
    key = _key(song, sources, channels, sample_rate)
    array_path, facts_path = folder / f"{key}.pcm", folder / f"{key}.json"
    if not facts_path.exists():
        stems, gains, deviation = _decode(song, sources, channels, sample_rate)
        facts = {"samples": stems[0].shape[1], "gains": gains, "deviation": deviation}
        try:
            with open_atomically(array_path) as file:
                for stem in stems:
                    file.write(stem.data)
            write_atomically(facts_path, json.dumps(facts).encode())  # written last: it marks the entry as complete
        except OutputError as error:
            raise OutputError(f"{error}; free some space or choose another folder for decoded songs") from error
    known = json.loads(facts_path.read_bytes())
    shape = (len(sources), channels, known["samples"])
    return CachedSong(song, array_path, tuple(sources), sample_rate, shape, tuple(known["gains"]), known["deviation"])


def cache_songs(
    songs: Sequence[Song],
    sources: Sequence[str],
    channels: int,
    sample_rate: int,
    folder: Path,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[CachedSong], list[AudioError]]:
    """Cache many songs in parallel, leaving out those that cannot be read.

    After an interruption, the next call decodes only the songs that are missing.

    Args:
        songs: The songs.
        sources: Names of the stems, as for :func:`cache_song`.
        channels: Number of channels to decode to, 2 or 1.
        sample_rate: Sample rate to decode to, in Hz.
        folder: The cache folder.
        jobs: Number of threads, each of which holds a song in memory (default: one for each core, at most 8).
        progress: Called after each song with the number of songs done and the number of all songs.

    Returns:
        The cached songs, in the order of ``songs``, and for each song left out an error that names it.

    Raises:
        AudioError: None of the songs can be read.
        OutputError: The cache cannot be written.
    """
    done: dict[int, CachedSong] = {}
    problems: dict[int, AudioError] = {}
    pool = ThreadPoolExecutor(jobs or min(8, usable_cores()))
    try:
        tasks = {
            pool.submit(cache_song, song, sources, channels, sample_rate, folder): index
            for index, song in enumerate(songs)
        }
        for task in as_completed(tasks):
            try:
                done[tasks[task]] = task.result()
            except AudioError as error:
                problems[tasks[task]] = error
            if progress is not None:
                progress(len(done) + len(problems), len(songs))
    finally:
        pool.shutdown(cancel_futures=True)
    if problems and not done:
        raise next(iter(problems.values()))
    return [done[index] for index in sorted(done)], [problems[index] for index in sorted(problems)]


def _key(song: Song, sources: Sequence[str], channels: int, sample_rate: int) -> str:
    try:
        files = {
            name: [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in song.files(name)]
            for name in song.stems
            if name in sources
        }
    except OSError as error:
        raise AudioError(f"{song.name}: {error.filename}: {error.strerror}") from error
    identity = json.dumps([_VERSION, files, list(sources), channels, sample_rate], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def _decode(
    song: Song, sources: Sequence[str], channels: int, sample_rate: int
) -> tuple[list[NDArray[np.int16]], list[float], float]:
    """Return int16 ``(channels, samples)`` of each source, their gains, and the deviation of the mono mixture."""
    decoded: dict[str, NDArray[np.int16]] = {}
    gains = dict.fromkeys(sources, 0.0)
    mono = np.zeros(0, np.float32)
    for name in filter(song.stems.__contains__, sources):
        stem = _decode_stem(song, name, channels, sample_rate)
        samples = min(stem.shape[1], mono.size) if decoded else stem.shape[1]
        mono = stem[:, :samples].mean(0) + (mono[:samples] if decoded else 0)
        gains[name] = max(float(np.abs(stem).max(initial=0)), 1e-9) / _PEAK
        decoded[name] = np.rint(stem / np.float32(gains[name])).astype(np.int16)
    lengths = [stem.shape[1] for stem in decoded.values()]
    if not mono.size:
        raise AudioError(f"{song.name}: has no samples in any of {', '.join(sources)}; export its stems again")
    if max(lengths) - min(lengths) > _LENGTH_TOLERANCE * sample_rate:
        raise AudioError(
            f"{song.name}: its stems differ in length ({min(lengths)} to {max(lengths)} samples); export them again"
        )
    silence = np.zeros((channels, mono.size), np.int16)
    stems = [np.ascontiguousarray(decoded.get(name, silence)[:, : mono.size]) for name in sources]
    return stems, list(gains.values()), float(mono.std(dtype=np.float64))


def _decode_stem(song: Song, name: str, channels: int, sample_rate: int) -> NDArray[np.float32]:
    try:
        reader = open_stem(song, name, channels)
        blocks = list(resample_blocks(reader.blocks(), reader.sample_rate, sample_rate, channels))
    except AudioError as error:
        raise AudioError(f"{song.name}: {error}") from error
    for warning in reader.warnings:
        raise AudioError(f"{song.name}: {warning}")
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((channels, 0), np.float32)
