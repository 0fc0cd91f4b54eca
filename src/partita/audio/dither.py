"""Quantisation of float samples to integers, with dither."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Quantiser"]

_BLOCK = 32768  # values processed at once; few enough for the processor's cache
_FINE = 2**8  # steps of the noise in a step of the output


class Quantiser:
    """Rounds a stream of samples to integers of a given bit depth.

    Noise with a triangular distribution of one step either way (TPDF dither) is added before rounding. It turns the
    rounding error into faint noise of constant power that is independent of the signal. Samples that are exactly 0
    stay 0, so digital silence remains silent. Values beyond full scale are clamped.

    The noise is the difference of two uniform 8-bit numbers. It is therefore a multiple of 1/256 step, as if the signal
    had first been rounded to 8 more bits.

    Source: Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither: a theoretical survey", JAES 40(5), 1992.

    Args:
        bits: Bit depth, from 2 to 24.
        seed: Seed of the noise.
    """

    def __init__(self, bits: int, seed: int = 0) -> None:
        self._full_scale = 2 ** (bits - 1)
        # float32 resolves the noise only where samples have 16 bits
        self._float: Any = np.float32 if bits <= 16 else np.float64
        self._integer: Any = np.int16 if bits <= 16 else np.int32
        self._generator = np.random.SFC64(seed)
        self._noise = np.empty(_BLOCK, self._float)
        self._used = _BLOCK  # of the noise

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.int16] | NDArray[np.int32]:
        """Quantise the next samples; however they are cut into calls, the results join to those of a single call.

        Args:
            frames: ``(samples, channels)``, full scale at 1.

        Returns:
            Integers from ``-2**(bits - 1)`` to ``2**(bits - 1) - 1``, ``(samples, channels)``, int16 up to 16 bits and
            int32 beyond.
        """
        values = frames.reshape(-1)
        steps = np.empty(values.shape, self._integer)
        start = 0
        while start < values.size:
            if self._used == _BLOCK:
                self._refill()
            end = min(start + _BLOCK - self._used, values.size)
            steps[start:end] = self._rounded(values[start:end])
            start = end
        return steps.reshape(frames.shape)

    def _refill(self) -> None:
        one, other = self._generator.random_raw(_BLOCK // 4).view(np.int8).reshape(2, _BLOCK)
        self._noise[:] = np.subtract(one, other, dtype=np.int16)
        np.multiply(self._noise, 1 / _FINE, out=self._noise)
        self._used = 0

    def _rounded(self, values: NDArray[np.float32]) -> NDArray[Any]:
        scaled: NDArray[Any] = np.multiply(values, self._full_scale, dtype=self._float)
        scaled += self._noise[self._used : self._used + values.size]
        self._used += values.size
        silent = values == 0
        if silent.any():
            scaled[silent] = 0
        np.rint(scaled, out=scaled)
        np.clip(scaled, -self._full_scale, self._full_scale - 1, out=scaled)
        return scaled
