"""What training makes small, beside torch's own absolute and squared error."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["log_error", "log_mse"]

_FLOOR = 0.01  # of all sources' energy: an error 20 dB below the music counts as good enough
_QUIET = 0.01  # added to that energy, 1 being a song's: its quietest excerpts count less


def log_mse(estimates: Tensor, references: Tensor) -> Tensor:
    """Return the mean over excerpts and sources of the logarithm of the squared error, in dB.

    The squared error minds loud sources; an SDR, averaged over songs and sources in dB, minds all alike, and so does
    this: where an error is well above the floor, 1 dB less of it is 1 dB more of SDR. It is the logarithmic squared
    error of Heitkaemper et al. 2020 (arXiv:1911.08895) with the soft threshold of Wisdom et al. 2020
    (arXiv:2006.12701), which is set by the energy of all sources, so that silent ones have a loss too.

    Args:
        estimates: ``(batch, sources, ...)``, about 1 in deviation.
        references: The same shape.

    Returns:
        A scalar, 0 where estimates are perfect.
    """
    error = (estimates - references).square().flatten(2).mean(2)
    return log_error(error, references.square().flatten(2).mean(2)).mean()


def log_error(error: Tensor, energy: Tensor) -> Tensor:
    """Return how far errors are above the floor, in dB, softly: 0 far below it.

    Args:
        error: Mean squared error of each source, ``(..., sources)``.
        energy: Mean square of each reference, the same shape.
    """
    floor = _FLOOR * (energy.sum(-1, keepdim=True) + _QUIET)
    return 10 * torch.log10(1 + error / floor)
