"""Songs decoded once and mapped into memory, so that loading never holds up training."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.audio import AudioReader, resample_blocks
from partita.data.songs import Song
from partita.errors import AudioError

__all__ = ["CachedSong", "cache_song"]

_PEAK = 32767


@dataclass(frozen=True)
class CachedSong:
    """A decoded song.

    Attributes:
        name: Its name.
        stems: int16 ``(sources, samples, channels)``, mapped from disk, full scale at ``1 / gain``.
        gain: What an int16 value is multiplied by to give the sample.
        mean: Mean of the mono mixture.
        deviation: Standard deviation of the mono mixture.
    """

    name: str
    stems: npt.NDArray[np.int16]
    gain: float
    mean: float
    deviation: float

    @property
    def samples(self) -> int:
        """Length in samples."""
        return int(self.stems.shape[1])

    def excerpt(self, source: int, start: int, samples: int) -> npt.NDArray[np.float32]:
        """Return ``(channels, samples)`` of one stem; outside the song there is silence."""
        out = np.zeros((self.stems.shape[2], samples), np.float32)
        first, last = max(0, start), min(self.samples, start + samples)
        if first < last:
            out[:, first - start : last - start] = self.stems[source, first:last].T
        out *= self.gain
        return out


def cache_song(song: Song, sources: tuple[str, ...], channels: int, sample_rate: int, folder: Path) -> CachedSong:
    """Decode a song into ``folder``, or find it there.

    The stems are stored as 16-bit integers with one gain for the song, so that nothing clips. An entry is
    known by the paths, sizes and times of its files, the sources, channels and sample rate.

    Raises:
        AudioError: A stem cannot be decoded, or the stems differ in length by more than 0.1 s.
    """
    key = _key(song, sources, channels, sample_rate)
    array_path, facts_path = folder / f"{key}.npy", folder / f"{key}.json"
    if not facts_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        stems = _decode(song, sources, channels, sample_rate)
        mono = stems.sum(0).mean(0, dtype=np.float64)
        peak = float(np.abs(stems).max(initial=0))
        gain = max(peak, 1e-9) / _PEAK
        facts = {"gain": gain, "mean": float(mono.mean()), "deviation": float(mono.std())}
        quantised = np.rint(stems / gain).astype(np.int16).transpose(0, 2, 1)
        partial = folder / f".{key}.{os.getpid()}.npy"
        np.save(partial, np.ascontiguousarray(quantised))
        partial.replace(array_path)
        partial = partial.with_suffix(".json")
        partial.write_text(json.dumps(facts))
        partial.replace(facts_path)  # written last: its presence says that the entry is whole
    return CachedSong(song.name, np.load(array_path, mmap_mode="r"), **json.loads(facts_path.read_text()))


def _key(song: Song, sources: tuple[str, ...], channels: int, sample_rate: int) -> str:
    files = {
        name: [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for name, path in song.stems.items()
    }
    identity = json.dumps([files, sources, channels, sample_rate], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def _decode(song: Song, sources: tuple[str, ...], channels: int, sample_rate: int) -> npt.NDArray[np.float32]:
    decoded = {}
    for name, path in song.stems.items():
        reader = AudioReader(path, channels)
        blocks = list(resample_blocks(reader.blocks(), reader.sample_rate, sample_rate, channels))
        decoded[name] = np.concatenate(blocks, axis=1) if blocks else np.zeros((channels, 0), np.float32)
    lengths = [stem.shape[1] for stem in decoded.values()]
    if max(lengths) - min(lengths) > sample_rate // 10:
        raise AudioError(f"{song.name}: its stems differ in length ({min(lengths)} to {max(lengths)} samples)")
    stems = np.zeros((len(sources), channels, min(lengths)), np.float32)
    for index, name in enumerate(sources):
        if name in decoded:
            stems[index] = decoded[name][:, : min(lengths)]
    return stems
