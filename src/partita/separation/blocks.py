"""What a separation yields, and how a caller follows and stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from partita.audio import nearest_rate, resample_blocks
from partita.separation.output import Encoding, write_lanes

__all__ = ["RESIDUAL", "Block", "CancelToken", "Progress", "Stems"]

Array = npt.NDArray[np.float32]

# called with the fraction done, from 0 to 1, and the seconds left, None while they are unknown
Progress = Callable[[float, float | None], None]

RESIDUAL = "residual"


class CancelToken(Protocol):
    """Tells a separation whether to stop; a :class:`threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


@dataclass(frozen=True)
class Block:
    """Consecutive samples of a separated track.

    Attributes:
        start: Position of the first sample in the track, in samples at the output's rate.
        stems: Float32 ``(sources, channels, samples)``.
        mixture: The same samples of the mixture, float32 ``(channels, samples)``.
    """

    start: int
    stems: Array
    mixture: Array

    def lanes(self, sources: tuple[str, ...], names: Iterable[str]) -> list[Array]:
        """Return the outputs of these names, float32 ``(channels, samples)`` each.

        Args:
            sources: Names of the stems, in their order.
            names: Each a source, ``no_SOURCE`` (the mixture without that source) or ``residual`` (the mixture
                without any source).
        """
        lanes = []
        for name in names:
            if name == RESIDUAL:
                lanes.append(self.mixture - self.stems.sum(0))
            elif name in sources:
                lanes.append(self.stems[sources.index(name)])
            else:
                lanes.append(self.mixture - self.stems[sources.index(name.removeprefix("no_"))])
        return lanes


class Stems(dict[str, Array]):
    """The stems of a track by name, each float32 ``(channels, samples)``.

    Attributes:
        sample_rate: Hz.
    """

    def __init__(self, stems: Mapping[str, Array], sample_rate: int) -> None:
        super().__init__(stems)
        self.sample_rate = sample_rate

    def __repr__(self) -> str:
        length = next(iter(self.values())).shape[-1] if self else 0
        return f"<Stems {', '.join(self)}: {length / self.sample_rate:.1f} s at {self.sample_rate} Hz>"

    def save(self, folder: str | PathLike[str], *, format: str = "wav", bits: str = "32f") -> dict[str, Path]:
        """Write every stem to ``FOLDER/STEM.FORMAT``; existing files are replaced.

        Args:
            folder: Created if needed.
            format: wav, flac, mp3, ogg or opus.
            bits: ``16``, ``24`` or ``32f`` (wav only; flac then gets 24). If a stem would clip in an integer or lossy
                format, all are attenuated by the same gain.

        Returns:
            The files, by stem.

        Raises:
            ConfigError: The format or the bits are invalid.
            OutputError: A file cannot be written.
        """
        if not self:
            return {}
        paths = {name: Path(folder) / f"{name}.{format}" for name in self}
        rate = nearest_rate(format, self.sample_rate)
        first = next(iter(self.values()))
        stacked = np.concatenate(list(self.values()))
        samples = -(-first.shape[1] * rate // self.sample_rate)
        write_lanes(
            self._lanes(stacked, rate, first.shape[0], samples),
            list(paths.values()),
            sample_rate=rate,
            channels=first.shape[0],
            samples=samples,
            encoding=Encoding(format, "24" if format == "flac" and bits == "32f" else bits),
            tags=[None] * len(paths),
        )
        return paths

    def _lanes(self, stacked: Array, rate: int, channels: int, samples: int) -> Iterator[list[Array]]:
        for block in resample_blocks([stacked], self.sample_rate, rate, stacked.shape[0]):
            yield list(block.reshape(-1, channels, block.shape[1]))
