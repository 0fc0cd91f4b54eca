"""A song on its way to its scores: stems decoded to disk, so that memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.data import Song, open_stem
from partita.errors import AudioError, OutputError
from partita.evaluation.stems import Signals

__all__ = ["DiskStems", "Mixture", "Track", "decode_stems", "open_track", "spool"]

Array = npt.NDArray[np.float32]

_LOSSLESS = frozenset({".wav", ".flac", ".aif", ".aiff", ".w64", ".caf"})


class DiskStems:
    """Stems ``(sources, channels, samples)`` as float32 in files; a slice of them is read when it is asked for.

    Args:
        stems: One a source, each ``(samples, channels)``.
    """

    def __init__(self, stems: Sequence[npt.NDArray[np.float32]]) -> None:
        self._stems = stems
        samples, channels = stems[0].shape
        self.shape: tuple[int, ...] = (len(stems), channels, samples)

    def __getitem__(self, key: tuple[slice, slice, slice]) -> Array:
        sources, channels, samples = key
        return np.stack([stem[samples, channels].T for stem in self._stems[sources]])


class Mixture:
    """A mixture ``(channels, samples)``, read when a slice of it is asked for.

    Args:
        stems: What it is the sum of; a recorded mixture is its own only stem.
    """

    def __init__(self, stems: Signals) -> None:
        self._stems = stems

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        return np.asarray(self._stems[:, key[0], key[1]].sum(0))


@dataclass(frozen=True)
class Track:
    """A song whose estimates are wanted.

    Attributes:
        name: Of the song.
        sources: Names of the stems.
        references: Of the sources, ``(sources, channels, samples)``.
        mixture: Of them all, ``(channels, samples)``.
        sample_rate: Hz.
    """

    name: str
    sources: tuple[str, ...]
    references: DiskStems
    mixture: Mixture
    sample_rate: int


def open_track(song: Song, sources: tuple[str, ...], folder: Path) -> Track:
    """Decode the references of a song, and its mixture where it is recorded; else that is their sum.

    Args:
        song: The song.
        sources: Names of the stems.
        folder: Where the decoded samples are kept.

    Raises:
        AudioError: As of :func:`decode_stems`; or the mixture has other channels or another length than the stems.
        OutputError: The folder has no room.
    """
    references, rate = decode_stems(song, sources, folder)
    mixture = references
    if song.mixture is not None:
        mixture, _ = decode_stems(song, ["mixture"], folder)
        if mixture.shape[1:] != references.shape[1:]:
            raise AudioError(
                f"{song.mixture}: has {mixture.shape[1:]} (channels, samples), its stems have {references.shape[1:]}"
            )
    return Track(song.name, sources, references, Mixture(mixture), rate)


def decode_stems(song: Song, names: Sequence[str], folder: Path) -> tuple[DiskStems, int]:
    """Decode stems of a song.

    What a lossy format decodes to is rounded to 16 bits, as the field's tools decode it; without, BSSEval's filters
    are undetermined in the bands such a format leaves empty.

    Args:
        song: The song.
        names: Of the stems.
        folder: Where the decoded samples are kept.

    Returns:
        The stems and their sample rate in Hz.

    Raises:
        AudioError: A stem is missing, cannot be read, is damaged, is empty, or differs from the first in sample rate,
            channels or length.
        OutputError: The folder has no room.
    """
    decoded: list[Array] = []
    first = None
    for name in names:
        if name not in song.stems and name != "mixture":
            raise AudioError(f"{_folder(song) / name}.wav: missing (in any format); --sources can leave {name} out")
        path = song.files(name)[0]
        reader = open_stem(song, name)
        first = first or reader
        for what, mine, others in (
            ("sample rate", f"{reader.sample_rate} Hz", f"{first.sample_rate} Hz"),
            ("number of channels", reader.channels, first.channels),
        ):
            if mine != others:
                raise AudioError(f"{path}: its {what} is {mine}, that of {names[0]} is {others}; convert one of them")
        blocks = reader.blocks() if path.suffix.lower() in _LOSSLESS else map(_round, reader.blocks())
        decoded.append(spool(blocks, reader.channels, folder / name))
        if reader.warnings:
            raise AudioError(reader.warnings[0])
        if decoded[-1].shape != decoded[0].shape:
            lengths = f"{decoded[-1].shape[0]} samples, {names[0]} has {decoded[0].shape[0]}"
            raise AudioError(f"{path}: it has {lengths}; give both the same length")
    if first is None or not decoded[0].size:
        raise AudioError(f"{_folder(song)}: there is nothing in its stems")
    return DiskStems(decoded), first.sample_rate


def _folder(song: Song) -> Path:
    return song.root / song.name if song.root else Path(song.name)


def spool(blocks: Iterable[Array], channels: int, path: Path) -> npt.NDArray[np.float32]:
    """Write blocks ``(channels, any)`` to a file and map it as float32 ``(samples, channels)``.

    Raises:
        OutputError: There is no room for it.
    """
    try:
        with path.open("xb") as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block.T, np.float32).data)
        if not path.stat().st_size:
            return np.zeros((0, channels), np.float32)
        return np.memmap(path, np.float32, mode="r").reshape(-1, channels)
    except OSError as error:
        raise OutputError(f"no room for temporary files in {path.parent}: {error.strerror}") from error


def _round(block: Array) -> Array:
    rounded: Array = np.rint(block * np.float32(32768)) / np.float32(32768)
    return rounded
