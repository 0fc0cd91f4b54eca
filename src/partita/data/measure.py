"""Statistics of a song's stems, measured in one pass over its files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partita.audio import Source
from partita.audio.blocks import BLOCK
from partita.audio.level import decibels, is_silent
from partita.data.readers import open_stem
from partita.data.songs import Song
from partita.errors import AudioError

__all__ = ["Measurement", "StemStatistics", "measure_song"]

_FULL_SCALE = 0.9999  # a 16-bit sample clipped at 32767 is 0.99997
_LEAST_ERROR = 1e-20  # of the mixture's energy: -200 dB stands for an exact sum

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class StemStatistics:
    """Statistics of a stem or of the mixture.

    Attributes:
        samples: Length in samples.
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        peak: Largest magnitude; full scale is 1.
        rms: Root mean square over all samples and channels.
        clipped: Number of runs of three or more equal samples at full scale.
        digest: Hash of the decoded samples, which does not depend on the file format.
        warnings: Problems found while decoding, one sentence each.
    """

    samples: int
    sample_rate: int
    channels: int
    peak: float
    rms: float
    clipped: int
    digest: str
    warnings: tuple[str, ...]

    @property
    def silent(self) -> bool:
        """Whether the stem counts as silent: its level (RMS) is at most -95 dB (:mod:`partita.audio.level`)."""
        return is_silent(self.rms**2)


@dataclass(frozen=True)
class Measurement:
    """Statistics of a song.

    Attributes:
        stems: Statistics of each stem that could be read to its end, and of the recorded ``mixture``.
        faults: For each of the others, why it could not be read.
        mixture_error: Energy of (mixture - sum of the stems) relative to the mixture, in dB; ``None`` if there is
            no mixture, or none in the format of all stems.
    """

    stems: dict[str, StemStatistics]
    faults: dict[str, AudioError]
    mixture_error: float | None


def measure_song(song: Song) -> Measurement:
    """Measure all stems of a song in parallel, block by block; memory does not grow with its length.

    Args:
        song: The song. Stems that cannot be read are reported in the result.
    """
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
    stems = {name: meters[name].statistics(reader) for name, reader in readers.items() if name not in faults}
    return Measurement(stems, faults, residual.level() if comparable and not faults else None)


def _side_by_side(readers: Mapping[str, Source], faults: dict[str, AudioError]) -> Iterator[dict[str, Samples]]:
    """Yield the next block of each source that has one; add those that fail to ``faults``."""
    streams = {name: reader.blocks(BLOCK) for name, reader in readers.items()}
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
    """Accumulates the statistics of one stem."""

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

    def statistics(self, reader: Source) -> StemStatistics:
        values = self._samples * reader.channels
        return StemStatistics(
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
    """Count runs of three or more equal samples at full scale, except those complete within the first three samples."""
    loud = np.abs(samples) >= _FULL_SCALE
    if not loud.any():
        return 0
    same = loud[:, 1:] & (samples[:, 1:] == samples[:, :-1])
    third = same[:, 1:] & same[:, :-1]  # the third sample of a run or a later one
    return int((third[:, 1:] & ~third[:, :-1]).sum())


class _Residual:
    """Accumulates the energy of (mixture - sum of the stems) and of the mixture."""

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
        return decibels(math.sqrt(max(self._difference / self._mixture, _LEAST_ERROR)))


def _energy(block: Samples) -> float:
    return float(np.square(block, dtype=np.float64).sum())
