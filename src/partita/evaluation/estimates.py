"""The origin of estimates: a folder of stems, a model, or an oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from partita.data import Song, find_songs
from partita.errors import AudioError, ModelError, nearest
from partita.evaluation.oracles import ORACLES
from partita.evaluation.stems import Signals
from partita.evaluation.tracks import ReferenceTrack, decode_stems, keep_on_disk
from partita.options import DEFAULT_OVERLAP
from partita.separation import Separator
from partita.zoo import find_model
from partita.zoo.registry import known_names

__all__ = ["Estimator", "FolderEstimates", "ModelEstimates", "OracleEstimates", "estimator_for"]

Array = npt.NDArray[np.float32]


class Estimator(Protocol):
    """Makes the estimates of a song. Estimators are sent to worker processes, so they hold plain values only."""

    @property
    def name(self) -> str:
        """Name of its run."""

    @property
    def oracle(self) -> bool:
        """Whether it is a bound, an oracle or the mixture, and not a model."""

    def estimate(self, track: ReferenceTrack, threads: int | None = None) -> Signals:
        """Return the estimates of a track, in the shape of its references.

        Args:
            track: The track.
            threads: Number of threads on the CPU; by default the cores that this process may use.

        Raises:
            PartitaError: There are none; the message says why.
        """


@dataclass(frozen=True)
class FolderEstimates:
    """Estimates in a folder that is laid out like a folder of songs: ``FOLDER/SONG/STEM.wav``, in any format.

    Attributes:
        folder: The folder.
        songs: The songs in it by name.
    """

    folder: Path
    songs: dict[str, Song]

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> FolderEstimates:
        """List the songs of a folder.

        Raises:
            AudioError: It does not exist, or holds no songs.
        """
        return cls(Path(folder), {song.name: song for song in find_songs([Path(folder)])})

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def oracle(self) -> bool:
        """Always false."""
        return False

    def estimate(self, track: ReferenceTrack, threads: int | None = None) -> Signals:
        """Decode the estimates of a song and check that they fit the references."""
        if track.name not in self.songs:
            raise AudioError(f"{self.folder / track.name}: missing; put the estimates of the song there")
        song = self.songs[track.name]
        stems, rate = decode_stems(song, track.sources)
        for what, mine, others in (
            ("the sample rate", f"{rate} Hz", f"{track.sample_rate} Hz"),
            ("the number of channels", stems.shape[1], track.references.shape[1]),
            ("the number of samples", stems.shape[2], track.references.shape[2]),
        ):
            if mine != others:
                path = song.stems[track.sources[0]]
                raise AudioError(f"{path}: {what} is {mine}, that of the reference is {others}; convert one of them")
        return stems


@dataclass(frozen=True)
class ModelEstimates:
    """Estimates that a model separates from the mixture.

    Attributes:
        model: Name of a model, or the folder of a model package.
        shifts: Number of passes to average, as of :class:`partita.Separator`.
        overlap: Fraction of a window that the next one covers too, as of :class:`partita.Separator`.
        device: ``cpu``, ``cuda``, ...; the fastest one by default.
    """

    model: str
    shifts: int = 0
    overlap: float = DEFAULT_OVERLAP
    device: str | None = None

    @property
    def name(self) -> str:
        """The name on the model's card."""
        return find_model(self.model).name

    @property
    def oracle(self) -> bool:
        """Always false."""
        return False

    def estimate(self, track: ReferenceTrack, threads: int | None = None) -> Signals:
        """Separate the mixture as ``partita separate`` does."""
        separator = _separator(self, threads)
        unknown = [source for source in track.sources if source not in separator.sources]
        if unknown:
            raise ModelError(f"model {self.model!r} has no stem {unknown[0]!r}, only {', '.join(separator.sources)}")
        channels = track.mixture.channels
        if channels > separator.card.audio_channels:  # fewer are kept: mono stays mono
            raise AudioError(
                f"{track.name}: its stems have {channels} channels, those of model {self.model!r} "
                f"{separator.card.audio_channels}; convert the stems"
            )
        return _kept(block.stems for block in separator.stream(track.mixture, stems=track.sources))


@dataclass(frozen=True)
class OracleEstimates:
    """Estimates that an oracle computes from the references and the mixture.

    Attributes:
        name: A name in :data:`partita.evaluation.oracles.ORACLES`.
    """

    name: str

    @property
    def oracle(self) -> bool:
        """Always true."""
        return True

    def estimate(self, track: ReferenceTrack, threads: int | None = None) -> Signals:
        """Compute the estimates."""
        blocks = ORACLES[self.name].estimate(track.stems, track.mixture)
        return _kept(block[: len(track.sources)] for block in blocks)


def estimator_for(
    model: str | PathLike[str], *, shifts: int = 0, overlap: float = DEFAULT_OVERLAP, device: str | None = None
) -> ModelEstimates | OracleEstimates:
    """Return the estimator of a model or an oracle.

    Args:
        model: Name of a model or an oracle, or the folder of a model package.
        shifts: Number of passes a model averages, as of :class:`partita.Separator`; oracles ignore it.
        overlap: As of :class:`partita.Separator`; oracles ignore it.
        device: As of :class:`partita.Separator`; oracles ignore it.

    Raises:
        ModelError: There is no model or oracle of that name, or the package is damaged.
    """
    if (name := fspath(model)) in ORACLES:
        return OracleEstimates(name)
    if not Path(name).exists():
        known = known_names()
        if name not in known:
            raise ModelError(f"no model or oracle {name!r}{nearest(name, [*known, *ORACLES])}")
    find_model(name)
    return ModelEstimates(name, shifts, overlap, device)


@lru_cache(maxsize=1)  # a process loads a model once for all its songs
def _separator(estimates: ModelEstimates, threads: int | None) -> Separator:
    return Separator(
        estimates.model, shifts=estimates.shifts, overlap=estimates.overlap, device=estimates.device, threads=threads
    )


def _kept(blocks: Iterator[Array]) -> Signals:
    """Keep consecutive blocks ``(sources, channels, any)``, at least one, on disk."""
    first = next(blocks)
    sources, channels, _ = first.shape

    def lanes() -> Iterator[Array]:
        yield first.reshape(sources * channels, -1)
        for block in blocks:
            yield block.reshape(sources * channels, -1)

    return keep_on_disk(lanes(), sources * channels).reshape(sources, channels, -1)
