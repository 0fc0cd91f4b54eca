"""What is to be separated: a file or an array, read block by block and as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.audio import AudioReader, remix, resample_blocks
from partita.errors import AudioError

__all__ = ["Mixture", "Statistics", "open_mixture"]

Array = npt.NDArray[np.float32]

_BLOCK = 65536  # samples
_SILENCE = 1e-8  # deviation below which there is nothing to separate: -160 dB


@dataclass(frozen=True)
class Statistics:
    """Length, mean and standard deviation of a mono mixture."""

    samples: int
    mean: float
    deviation: float

    @property
    def silent(self) -> bool:
        """Whether there is nothing to separate."""
        return self.deviation <= _SILENCE


class Mixture:
    """A mixture that can be read from its beginning again and again.

    Attributes:
        sample_rate: Its own, in Hz.
    """

    def __init__(self, source: AudioReader | Array, sample_rate: int, channels: int, model_rate: int) -> None:
        self.sample_rate = sample_rate
        self._source = source
        self._channels = channels
        self._model_rate = model_rate

    @property
    def warnings(self) -> list[str]:
        """What was found wrong while reading, in sentences."""
        return self._source.warnings if isinstance(self._source, AudioReader) else []

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self._measured[0]

    @property
    def statistics(self) -> Statistics:
        """Of the mono mixture at the model's sample rate."""
        return self._measured[1]

    def length_at(self, sample_rate: int) -> int:
        """Return the length in samples at another sample rate."""
        return -(-self.samples * sample_rate // self.sample_rate)

    def blocks(self) -> Iterator[Array]:
        """Yield the samples, float32 ``(channels, any)``."""
        if isinstance(self._source, AudioReader):
            yield from self._source.blocks(_BLOCK)
        else:
            for start in range(0, self._source.shape[1], _BLOCK):
                yield self._source[:, start : start + _BLOCK]

    @cached_property
    def _measured(self) -> tuple[int, Statistics]:
        """Length and statistics; the source is read to its end for them, once."""
        samples = 0

        def counted() -> Iterator[Array]:
            nonlocal samples
            for block in self.blocks():
                samples += block.shape[1]
                yield block

        count, mean, squares = 0, 0.0, 0.0
        for block in resample_blocks(counted(), self.sample_rate, self._model_rate, self._channels):
            if block.shape[1]:  # merged block by block (Chan et al.): a constant deviates by exactly nothing
                mono = block.mean(0, dtype=np.float64)
                delta, merged = mono.mean() - mean, count + mono.size
                squares += mono.var() * mono.size + delta**2 * count * mono.size / merged
                mean += delta * mono.size / merged
                count = merged
        return samples, Statistics(count, float(mean), float(np.sqrt(squares / count)) if count else 0.0)


def open_mixture(
    source: str | PathLike[str] | npt.ArrayLike, sample_rate: int | None, channels: int, model_rate: int
) -> Mixture:
    """Open a file, or take samples as they are.

    Args:
        source: A path, or samples ``(channels, samples)`` or ``(samples,)``.
        sample_rate: Of samples, in Hz, the model's by default; a file knows its own.
        channels: What the mixture is remixed to.
        model_rate: Sample rate the mixture will be separated at, in Hz.

    Raises:
        AudioError: The file cannot be read, or the array is not audio.
    """
    if isinstance(source, str | PathLike):
        reader = AudioReader(Path(source), channels)
        return Mixture(reader, reader.sample_rate, channels, model_rate)
    samples = np.asarray(source)
    if samples.ndim == 1:
        samples = samples[None]
    if samples.ndim != 2 or not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"an array must be float (channels, samples), not {samples.dtype} {samples.shape}; "
            "divide integers by their full scale"
        )
    if not np.isfinite(samples).all():
        raise AudioError("the array holds NaN or infinite samples")
    stereo = remix(samples.astype(np.float32, copy=False), channels)
    return Mixture(stereo, sample_rate or model_rate, channels, model_rate)
