"""What a separation yields, and how a caller follows and stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from partita.audio import nearest_rate, resample_blocks
from partita.errors import Cancelled
from partita.separation.output import Encoding, write_lanes

__all__ = ["RESIDUAL", "Block", "CancelToken", "Clock", "Progress", "Stems", "sources_of"]

Array = npt.NDArray[np.float32]

# called with the fraction done, from 0 to 1, and the seconds left, None while they are unknown
Progress = Callable[[float, float | None], None]

RESIDUAL = "residual"


class CancelToken(Protocol):
    """Tells a separation whether to stop; a :class:`threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


class Clock:
    """Reports the progress of a separation to the caller, and stops it when asked to.

    Args:
        total: Samples to separate.
        progress: Is called with the progress.
        cancel: Is asked whether to stop.
    """

    def __init__(self, total: int, progress: Progress | None, cancel: CancelToken | None) -> None:
        self._total = total
        self._progress = progress
        self._cancel = cancel
        self._began = time.monotonic()

    def tick(self, done: int) -> None:
        """Report that so many samples are separated.

        Raises:
            Cancelled: The separation is to stop.
        """
        self.check()
        if self._progress is not None:
            fraction = done / self._total if self._total else 1.0
            elapsed = time.monotonic() - self._began
            self._progress(fraction, elapsed * (1 / fraction - 1) if fraction else None)

    def check(self) -> None:
        """Raise :class:`Cancelled` if the separation is to stop."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("the caller stopped the separation")

    def checked(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Yield blocks, and check before each."""
        for block in blocks:
            self.check()
            yield block


def sources_of(names: Iterable[str], sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources that have to be separated for outputs of these names, in their order.

    Args:
        names: As of :meth:`Block.lanes`.
        sources: Those of the model.
    """
    names = tuple(names)
    if RESIDUAL in names:
        return sources
    return tuple(source for source in sources if source in names or f"no_{source}" in names)


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
