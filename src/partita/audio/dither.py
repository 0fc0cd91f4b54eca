"""Quantisation of float samples to integers, with dither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantise"]


def quantise(frames: NDArray[np.float32], bits: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Round samples to integers of a given bit depth.

    Noise with a triangular distribution of one step either way (TPDF dither) is added before rounding. It turns the
    error into faint noise of constant power that is independent of the signal. Samples that are exactly 0 stay 0, so
    digital silence remains silent. Values beyond full scale are clamped.

    Source: Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither: a theoretical survey", JAES 40(5), 1992.

    Args:
        frames: Samples, ``(samples, channels)``, full scale at 1. Consecutive calls with one generator give
            the same result as a single call.
        bits: Bit depth, from 2 to 24.
        generator: Generator of the noise.

    Returns:
        Integers between ``-2**(bits - 1)`` and ``2**(bits - 1) - 1``, ``(samples, channels)``.
    """
    full_scale = 2 ** (bits - 1)
    noise = generator.triangular(-1.0, 0.0, 1.0, frames.shape)
    steps = np.rint(frames * np.float64(full_scale) + np.where(frames == 0, 0.0, noise))
    return np.clip(steps, -full_scale, full_scale - 1).astype(np.int32)
