"""A song ready to be scored: its stems decoded to disk, so that memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.audio import Spool
from partita.audio.blocks import BLOCK
from partita.data import Song, open_stem
from partita.errors import AudioError
from partita.evaluation.stems import Signals

__all__ = ["DiskStems", "ReferenceTrack", "SumOfStems", "decode_stems", "keep_on_disk", "open_track"]

Array = npt.NDArray[np.float32]

_LOSSLESS = frozenset({".wav", ".flac", ".aif", ".aiff", ".w64", ".caf"})


class DiskStems:
    """Stems ``(sources, channels, samples)`` whose samples, float32, are on disk and read when they are sliced.

    Args:
        stems: One array a source, each ``(channels, samples)``, as :func:`keep_on_disk` returns them.
    """

    def __init__(self, stems: Sequence[Array]) -> None:
        self._stems = stems
        self.shape: tuple[int, ...] = (len(stems), *stems[0].shape)

    def __getitem__(self, key: tuple[slice, slice, slice]) -> Array:
        sources, channels, samples = key
        return np.stack([stem[channels, samples] for stem in self._stems[sources]])

    def first(self, count: int) -> DiskStems:
        """Return the first ``count`` stems."""
        return DiskStems(self._stems[:count])


class SumOfStems:
    """A mixture ``(channels, samples)``: a :class:`partita.audio.Source` that can also be sliced.

    Args:
        stems: The stems it is the sum of; a recorded mixture is its own only stem.
        sample_rate: Hz.
    """

    def __init__(self, stems: Signals, sample_rate: int) -> None:
        self._stems = stems
        self.shape: tuple[int, ...] = stems.shape[1:]
        self.channels = stems.shape[1]
        self.sample_rate = sample_rate
        self.warnings: list[str] = []

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        return np.asarray(self._stems[:, key[0], key[1]].sum(0))

    def blocks(self, size: int = BLOCK) -> Iterator[Array]:
        """Yield the samples, float32 ``(channels, size)``."""
        for start in range(0, self.shape[1], size):
            yield self[:, start : start + size]


@dataclass(frozen=True)
class ReferenceTrack:
    """The true stems of a song and their mixture.

    Attributes:
        name: Name of the song.
        sources: Names of the stems to score.
        references: The stems to score, ``(sources, channels, samples)``.
        stems: All stems of the song: the references, then the others.
        mixture: The mixture, ``(channels, samples)``.
        sample_rate: Hz.
    """

    name: str
    sources: tuple[str, ...]
    references: Signals
    stems: Signals
    mixture: SumOfStems
    sample_rate: int


def open_track(song: Song, sources: tuple[str, ...]) -> ReferenceTrack:
    """Decode the true stems of a song, and its mixture: the recorded one, else the sum of all stems.

    Args:
        song: The song.
        sources: Names of the stems to score.

    Raises:
        AudioError: As of :func:`decode_stems`; or the mixture differs from the stems in channels or length.
        OutputError: The system's temporary folder is full.
    """
    stems, rate = decode_stems(song, [*sources, *(name for name in song.stems if name not in sources)])
    mixture = stems
    if song.mixture is not None:
        mixture, _ = decode_stems(song, ["mixture"])
        if mixture.shape[1:] != stems.shape[1:]:
            raise AudioError(
                f"{song.mixture}: has {mixture.shape[1:]} (channels, samples) and its stems have "
                f"{stems.shape[1:]}; make them equal"
            )
    return ReferenceTrack(song.name, sources, stems.first(len(sources)), stems, SumOfStems(mixture, rate), rate)


def decode_stems(song: Song, names: Sequence[str]) -> tuple[DiskStems, int]:
    """Decode stems of a song to disk.

    Samples decoded from a lossy format are rounded to 16 bits, as the field's tools decode them. Otherwise the
    distortion filters of BSSEval are undetermined in the bands that such a format leaves empty.

    Args:
        song: The song.
        names: Names of the stems.

    Returns:
        The stems and their sample rate in Hz.

    Raises:
        AudioError: A stem is missing, cannot be read, is damaged or empty, or differs from the first in sample
            rate, channels or length.
        OutputError: The system's temporary folder is full.
    """
    decoded: list[Array] = []
    first = None
    for name in names:
        if name not in song.stems and name != "mixture":
            raise AudioError(f"{_folder(song) / name}.wav: missing, in any format; leave {name} out of --sources")
        path = song.files(name)[0]
        source = open_stem(song, name)
        first = first or source
        for what, mine, others in (
            ("sample rate", f"{source.sample_rate} Hz", f"{first.sample_rate} Hz"),
            ("number of channels", source.channels, first.channels),
        ):
            if mine != others:
                raise AudioError(f"{path}: its {what} is {mine}, that of {names[0]} is {others}; convert one of them")
        blocks = source.blocks() if path.suffix.lower() in _LOSSLESS else map(_round, source.blocks())
        decoded.append(keep_on_disk(blocks, source.channels))
        if source.warnings:
            raise AudioError(source.warnings[0])
        if decoded[-1].shape != decoded[0].shape:
            lengths = f"{decoded[-1].shape[1]} samples, {names[0]} has {decoded[0].shape[1]}"
            raise AudioError(f"{path}: it has {lengths}; give both the same length")
    if first is None or not decoded[0].size:
        raise AudioError(f"{_folder(song)}: its stems are empty")
    return DiskStems(decoded), first.sample_rate


def keep_on_disk(blocks: Iterable[Array], channels: int) -> Array:
    """Write blocks ``(channels, any)`` to a temporary file and return them joined, read when they are sliced.

    Raises:
        OutputError: The system's temporary folder is full.
    """
    with Spool(channels) as spool:
        for block in blocks:
            spool.write(block)
        return spool.mapped()  # the mapping keeps the unnamed file until the array is gone


def _folder(song: Song) -> Path:
    return song.root / song.name if song.root else Path(song.name)


def _round(block: Array) -> Array:
    rounded: Array = np.rint(block * np.float32(32768)) / np.float32(32768)
    return rounded
