"""Float samples rounded to integers, with dither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantise"]


def quantise(frames: NDArray[np.float32], bits: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Round samples to integers of some bits.

    Triangular noise of one step (TPDF) is added before rounding, which makes the error a constant, inaudible
    hiss that knows nothing of the signal. Samples that are exactly 0 need no rounding and stay 0, so digital
    silence remains silent. Values beyond full scale are clamped.

    Args:
        frames: Samples, ``(samples, channels)``, full scale at 1. Consecutive calls give what one call would.
        bits: Of the integers, up to 24.
        generator: Where the noise comes from.

    Returns:
        Integers between ``-2**(bits - 1)`` and ``2**(bits - 1) - 1``, ``(samples, channels)``.
    """
    full_scale = 2 ** (bits - 1)
    noise = generator.triangular(-1.0, 0.0, 1.0, frames.shape)
    steps = np.rint(frames * np.float64(full_scale) + np.where(frames == 0, 0.0, noise))
    return np.clip(steps, -full_scale, full_scale - 1).astype(np.int32)
