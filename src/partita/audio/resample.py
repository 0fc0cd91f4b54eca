"""Sample rate conversion, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from partita.audio.blocks import BLOCK, interleaved

__all__ = ["Resampler", "resample_blocks"]

_LONGEST = 16 * BLOCK  # samples that are yielded at once, about


class Resampler:
    """Converts a stream from one sample rate to another, without delay.

    However the input is cut into blocks, the output is that of a single call over the whole signal:
    ``round(samples * rate_out / rate_in)`` samples, aligned with the first input sample. If the rates are equal,
    samples pass through unchanged.

    Args:
        rate_in: Sample rate of the input in Hz.
        rate_out: Sample rate of the output in Hz.
        channels: Number of channels.
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        self._nothing = np.zeros((channels, 0), np.float32)
        self._stream: Any = None
        if rate_in != rate_out:
            self._stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32", quality="VHQ")

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add samples and return the converted samples that are ready.

        Args:
            block: The next samples, float32 ``(channels, any)``.

        Returns:
            Float32 ``(channels, any)``; possibly empty.
        """
        return block if self._stream is None else self._process(block, last=False)

    def flush(self) -> NDArray[np.float32]:
        """End the stream and return its last samples, float32 ``(channels, any)``."""
        return self._nothing if self._stream is None else self._process(self._nothing, last=True)

    def _process(self, block: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        frames: NDArray[np.float32] = self._stream.resample_chunk(interleaved(block), last=last)
        return np.ascontiguousarray(frames.T)


def resample_blocks(
    blocks: Iterable[NDArray[np.float32]], rate_in: int, rate_out: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    """Resample consecutive blocks.

    Args:
        blocks: Samples, float32 ``(channels, any)``.
        rate_in: Sample rate of the input in Hz.
        rate_out: Sample rate of the output in Hz.
        channels: Number of channels.

    Yields:
        Samples, float32 ``(channels, any)``; never empty.
    """
    resampler = Resampler(rate_in, rate_out, channels)
    longest = max(1, _LONGEST * rate_in // rate_out)  # so that a low rate does not become a block of gigabytes
    for block in blocks:
        for start in range(0, block.shape[1], longest):
            if (ready := resampler.push(block[:, start : start + longest])).shape[1]:
                yield ready
    if (rest := resampler.flush()).shape[1]:
        yield rest
