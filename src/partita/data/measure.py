"""What the stems of a song are, measured in one reading, block by block."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partita.audio import Source
from partita.data.readers import open_stem
from partita.data.songs import Song
from partita.errors import AudioError

__all__ = ["Measurement", "Track", "measure_song"]

_BLOCK = 65536  # samples read at a time, of each stem
_FULL_SCALE = 0.9999  # 16-bit samples clipped at 32767 reach 0.99997

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Track:
    """What a stem or the mixture of a song was found to be.

    Attributes:
        samples: Length.
        sample_rate: Hz.
        channels: Number of them.
        peak: Largest magnitude; full scale is 1.
        rms: Root mean square of all samples.
        clipped: Number of places where three or more samples in a row stick to the same value at full scale.
        digest: Of the samples; the same for the same audio, whatever its format.
        warnings: What decoding found wrong, in sentences.
    """

    samples: int
    sample_rate: int
    channels: int
    peak: float
    rms: float
    clipped: int
    digest: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Measurement:
    """A song's tracks.

    Attributes:
        tracks: Each stem that could be read to its end, and the ``mixture``.
        faults: Why the others could not be read.
        mixture_error: Energy of (mixture - sum of the stems) in dB of the mixture's, where both are known.
    """

    tracks: dict[str, Track]
    faults: dict[str, AudioError]
    mixture_error: float | None


def measure_song(song: Song) -> Measurement:
    """Read all stems of a song side by side; memory does not grow with its length."""
    readers: dict[str, Source] = {}
    faults: dict[str, AudioError] = {}
    for name in [*song.stems, *(["mixture"] if song.mixture else [])]:
        try:
            readers[name] = open_stem(song, name)
        except AudioError as error:
            faults[name] = error
    meters = {name: _Meter() for name in readers}
    residual = _Residual()
    formats = {(reader.sample_rate, reader.channels) for reader in readers.values()}
    comparable = song.mixture is not None and len(formats) == 1
    for blocks in _side_by_side(readers, faults):
        for name, block in blocks.items():
            meters[name].update(block)
        if comparable and len(blocks) == len(song.stems) + 1:
            residual.update(blocks)
    tracks = {name: meters[name].track(reader) for name, reader in readers.items() if name not in faults}
    return Measurement(tracks, faults, residual.level() if comparable and not faults else None)


def _side_by_side(readers: Mapping[str, Source], faults: dict[str, AudioError]) -> Iterator[dict[str, Samples]]:
    """Yield the next block of each that has one; what fails goes into ``faults``."""
    streams = {name: reader.blocks(_BLOCK) for name, reader in readers.items()}
    while streams:
        blocks: dict[str, Samples] = {}
        for name, stream in list(streams.items()):
            try:
                blocks[name] = next(stream)
            except StopIteration:
                del streams[name]
            except AudioError as error:
                faults[name] = error
                del streams[name]
        yield blocks


class _Meter:
    def __init__(self) -> None:
        self._samples = 0
        self._peak = 0.0
        self._energy = 0.0
        self._clipped = 0
        self._tail: Samples | None = None
        self._digest = hashlib.blake2b(digest_size=16)

    def update(self, block: Samples) -> None:
        self._samples += block.shape[1]
        self._peak = max(self._peak, float(np.abs(block).max()))
        self._energy += _energy(block)
        self._digest.update(np.ascontiguousarray(block).data)
        tail = np.zeros((block.shape[0], 3), np.float32) if self._tail is None else self._tail
        joined = np.concatenate([tail, block], axis=1)
        self._clipped += _flat_tops(joined)
        self._tail = joined[:, -3:]

    def track(self, reader: Source) -> Track:
        values = self._samples * reader.channels
        return Track(
            samples=self._samples,
            sample_rate=reader.sample_rate,
            channels=reader.channels,
            peak=self._peak,
            rms=math.sqrt(self._energy / max(1, values)),
            clipped=self._clipped,
            digest=self._digest.hexdigest(),
            warnings=tuple(reader.warnings),
        )


def _flat_tops(samples: Samples) -> int:
    """Count the runs of three or more equal samples at full scale whose third one is not among the first three."""
    loud = np.abs(samples) >= _FULL_SCALE
    if not loud.any():
        return 0
    same = loud[:, 1:] & (samples[:, 1:] == samples[:, :-1])
    third = same[:, 1:] & same[:, :-1]  # of a run, or a later one
    return int((third[:, 1:] & ~third[:, :-1]).sum())


class _Residual:
    """The energy of what the stems lack of the mixture."""

    def __init__(self) -> None:
        self._difference = 0.0
        self._mixture = 0.0

    def update(self, blocks: Mapping[str, Samples]) -> None:
        samples = min(block.shape[1] for block in blocks.values())
        mixture = blocks["mixture"][:, :samples]
        rest = mixture.copy()
        for name, block in blocks.items():
            if name != "mixture":
                rest -= block[:, :samples]
        self._difference += _energy(rest)
        self._mixture += _energy(mixture)

    def level(self) -> float | None:
        if not self._mixture:
            return None
        return 10 * math.log10(max(self._difference / self._mixture, 1e-20))


def _energy(block: Samples) -> float:
    return float(np.square(block, dtype=np.float64).sum())
