"""Signal-to-distortion ratios over a whole track."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["SILENCE", "sdr", "si_sdr"]

Array = npt.NDArray[np.float64]

SILENCE = 1e-10  # mean square up to which a reference counts as silent: -100 dB


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
    truth, guess = _pair(reference, estimate)
    return float("nan") if _silent(truth) else _decibels(np.sum(truth**2), np.sum((truth - guess) ** 2))


def si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Return the scale-invariant SDR of one stem over its whole length, in dB.

    The SDR against the reference at the level, one for all channels, at which it is nearest to the estimate (Le Roux
    et al. 2019, without removing means). An estimate with nothing of the reference in it, silence included,
    scores minus infinity, a multiple of the reference infinity (but for rounding); a silent reference has no
    SI-SDR, which is NaN.

    Args:
        reference: ``(channels, samples)``.
        estimate: The same shape.

    Raises:
        ValueError: The shapes differ.
    """
    truth, guess = _pair(reference, estimate)
    if _silent(truth):
        return float("nan")
    target = np.sum(truth * guess) / np.sum(truth**2) * truth
    return _decibels(np.sum(target**2), np.sum((target - guess) ** 2))


def _pair(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[Array, Array]:
    truth, guess = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if truth.shape != guess.shape:
        raise ValueError(f"reference {truth.shape} and estimate {guess.shape} differ in shape")
    return truth, guess


def _silent(truth: Array) -> bool:
    return bool(np.sum(truth**2) <= SILENCE * truth.size)


def _decibels(energy: float, error: float) -> float:
    if energy == 0:
        return float("-inf")
    return float(10 * np.log10(energy / error)) if error else float("inf")
