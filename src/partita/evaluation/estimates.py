"""Where estimates come from: a folder, a model of the zoo, or an oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from partita.data import Song, find_songs
from partita.errors import AudioError, ModelError
from partita.evaluation.stems import Signals
from partita.evaluation.tracks import DiskStems, Track, decode_stems, spool
from partita.separation import Separator
from partita.zoo import ORACLES, find_package

__all__ = ["Estimator", "FolderEstimates", "ModelEstimates", "OracleEstimates", "estimates_by"]

Array = npt.NDArray[np.float32]

_BLOCK = 1 << 18  # samples


class Estimator(Protocol):
    """Gives the estimates of a song. Estimators are sent to worker processes, so they hold only plain values."""

    @property
    def name(self) -> str:
        """What a run of it is called."""

    def estimate(self, track: Track, scratch: Path) -> Signals:
        """Return the estimates of a track, of its references' shape; ``scratch`` is an empty folder to keep them in."""


@dataclass(frozen=True)
class FolderEstimates:
    """Estimates in a folder, laid out as data sets are: ``FOLDER/SONG/STEM.wav``, any format.

    Attributes:
        name: Of the run.
        folder: The folder.
        songs: Those in it, by name.
    """

    name: str
    folder: Path
    songs: dict[str, Song]

    @classmethod
    def of(cls, folder: Path) -> FolderEstimates:
        """List the songs of a folder.

        Raises:
            AudioError: There are none.
        """
        return cls(folder.name, folder, {song.name: song for song in find_songs([folder])})

    def estimate(self, track: Track, scratch: Path) -> Signals:
        """Decode the estimates of a song and see that they fit the references."""
        if track.name not in self.songs:
            raise AudioError(f"{self.folder / track.name}: missing; the estimates of the song are expected there")
        song = self.songs[track.name]
        stems, rate = decode_stems(song, track.sources, scratch)
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
    """What a model makes of the mixture.

    Attributes:
        model: Name of a model, or the folder of a package.
        options: Of :class:`partita.Separator`.
    """

    model: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name on the model's card."""
        return find_package(self.model).card.name

    def estimate(self, track: Track, scratch: Path) -> Signals:
        """Separate the mixture as ``partita separate`` does."""
        separator = _separator(self.model, tuple(sorted(self.options.items())))
        unknown = [source for source in track.sources if source not in separator.sources]
        if unknown:
            raise ModelError(f"model {self.model!r} has no stem {unknown[0]!r}, only {', '.join(separator.sources)}")
        indices = [separator.sources.index(source) for source in track.sources]
        _, channels, length = track.references.shape
        if channels != separator.card.audio_channels:
            raise AudioError(
                f"{track.name}: its stems have {channels} channels, those of model {self.model!r} "
                f"{separator.card.audio_channels}"
            )
        samples = np.concatenate([track.mixture[:, at : at + _BLOCK] for at in range(0, length, _BLOCK)], axis=1)
        blocks = (block.stems[indices] for block in separator.stream(samples, track.sample_rate))
        return _spooled(blocks, len(indices), channels, scratch)


@dataclass(frozen=True)
class OracleEstimates:
    """What an oracle makes of references and mixture."""

    name: str

    def estimate(self, track: Track, scratch: Path) -> Signals:
        """Ask the oracle."""
        blocks = ORACLES[self.name].estimate(track.references, track.mixture)
        sources, channels, _ = track.references.shape
        return _spooled(blocks, sources, channels, scratch)


def estimates_by(model: str, **options: Any) -> ModelEstimates | OracleEstimates:
    """Return what estimates by a model of the zoo or by an oracle, whichever has the name.

    Args:
        model: Name of a model or an oracle, or the folder of a package.
        **options: Of :class:`partita.Separator`; they mean nothing to an oracle.

    Raises:
        ModelError: There is none of that name, or it is damaged.
    """
    if model in ORACLES:
        return OracleEstimates(model)
    find_package(model)
    return ModelEstimates(model, options)


@lru_cache(maxsize=1)
def _separator(model: str, options: tuple[tuple[str, Any], ...]) -> Separator:
    return Separator(model, **dict(options))


def _spooled(blocks: Iterator[Array], sources: int, channels: int, scratch: Path) -> DiskStems:
    """Keep blocks ``(sources, channels, any)`` on disk."""
    flat = spool((block.reshape(sources * channels, -1) for block in blocks), sources * channels, scratch / "stems")
    lanes = flat.reshape(-1, sources, channels)
    return DiskStems([lanes[:, source] for source in range(sources)])
