"""Anything that yields blocks of samples: the one interface through which partita reads audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from os import PathLike
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from partita.audio.channels import remix
from partita.audio.decode import BLOCK, AudioReader
from partita.errors import AudioError

__all__ = ["ArraySource", "Source", "SumSource", "open_source"]

Samples = npt.NDArray[np.float32]


@runtime_checkable
class Source(Protocol):
    """Audio that can be read from its beginning as often as needed, in memory that does not grow with its length.

    Attributes:
        sample_rate: Hz.
        channels: Number of channels in the blocks.
    """

    sample_rate: int
    channels: int

    @property
    def warnings(self) -> list[str]:
        """Problems found while reading, one sentence each; complete once the last block has been read."""

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Read from the beginning.

        Args:
            size: Length of a block in samples; only the last one may be shorter.

        Yields:
            Float32 ``(channels, size)``.

        Raises:
            AudioError: The audio cannot be read.
        """


class ArraySource:
    """Samples in memory.

    Args:
        samples: Float ``(channels, samples)`` or ``(samples,)``.
        sample_rate: Hz.
        channels: Number of channels to remix to, 2 or 1; ``None`` keeps them.

    Raises:
        AudioError: The array is not audio.
        ConfigError: It cannot be remixed to that many channels.
    """

    def __init__(self, samples: npt.ArrayLike, sample_rate: int, channels: int | None = None) -> None:
        self._samples = _as_audio(samples)
        if channels is not None:
            self._samples = remix(self._samples, channels)
        self.sample_rate = sample_rate
        self.channels = self._samples.shape[0]
        self.warnings: list[str] = []

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the samples, float32 ``(channels, size)``."""
        for start in range(0, self._samples.shape[1], size):
            yield self._samples[:, start : start + size]


class SumSource:
    """The sum of several sources; shorter ones are followed by silence.

    Args:
        parts: Sources of equal sample rate and number of channels, at least one.

    Raises:
        AudioError: They differ in sample rate or channels.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        self._parts = parts
        self.sample_rate = parts[0].sample_rate
        self.channels = parts[0].channels
        for part in parts:
            if (part.sample_rate, part.channels) != (self.sample_rate, self.channels):
                raise AudioError(
                    f"cannot add {part.channels} channels at {part.sample_rate} Hz to {self.channels} channels at "
                    f"{self.sample_rate} Hz; convert one of them"
                )

    @property
    def warnings(self) -> list[str]:
        """The warnings of all parts."""
        return [warning for part in self._parts for warning in part.warnings]

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the sum, float32 ``(channels, size)``."""
        nothing = np.zeros((self.channels, 0), np.float32)
        for blocks in zip_longest(*(part.blocks(size) for part in self._parts), fillvalue=nothing):
            total = np.zeros((self.channels, max(block.shape[1] for block in blocks)), np.float32)
            for block in blocks:
                total[:, : block.shape[1]] += block
            yield total


def open_source(
    source: str | PathLike[str] | npt.ArrayLike | Source,
    sample_rate: int | None = None,
    channels: int | None = None,
) -> Source:
    """Open anything that holds audio.

    Args:
        source: A path, samples ``(channels, samples)`` or ``(samples,)``, or a :class:`Source`, which is returned
            unchanged.
        sample_rate: Sample rate of an array in Hz.
        channels: Number of channels to remix a file or an array to, 2 or 1; ``None`` keeps them.

    Raises:
        AudioError: The file cannot be read, the array is not audio, or an array comes without a sample rate.
        ConfigError: The audio cannot be remixed to that many channels.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, str | PathLike):
        return AudioReader(source, channels)
    if sample_rate is None:
        raise AudioError("an array has no sample rate of its own; pass sample_rate")
    return ArraySource(source, sample_rate, channels)


def _as_audio(samples: npt.ArrayLike) -> Samples:
    array = np.asarray(samples)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        raise AudioError(
            f"an array must be float (channels, samples), not {array.dtype} {array.shape}; "
            "divide integers by their full scale"
        )
    if not np.isfinite(array).all():
        raise AudioError("the array holds NaN or infinite samples")
    return array.astype(np.float32, copy=False)
