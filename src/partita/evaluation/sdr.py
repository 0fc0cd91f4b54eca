"""Signal-to-distortion ratio over a whole track."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["sdr"]

_SILENCE = 1e-10  # mean square below which a reference counts as silent: -100 dB


def sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Return the SDR of one stem over its whole length, in dB.

    ``10 log10(sum(reference ** 2) / sum((reference - estimate) ** 2))`` over all samples and channels, the
    definition of the 2021 Music Demixing Challenge ("uSDR"); not BSSEval, whose figures are others.
    A silent estimate scores 0, a perfect one infinity; a silent reference has no SDR, which is NaN.

    Args:
        reference: ``(channels, samples)``.
        estimate: The same shape.

    Raises:
        ValueError: The shapes differ.
    """
    truth, guess = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if truth.shape != guess.shape:
        raise ValueError(f"reference {truth.shape} and estimate {guess.shape} differ in shape")
    energy, error = np.sum(truth**2), np.sum((truth - guess) ** 2)
    if energy <= _SILENCE * truth.size:
        return float("nan")
    return float(10 * np.log10(energy / error)) if error else float("inf")
