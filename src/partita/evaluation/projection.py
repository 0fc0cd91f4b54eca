"""Least-squares projection of estimates onto delayed references, by FFT, a piece of the track at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["FilterBank", "block_step", "correlate", "distortion_filters", "lags"]

Array = npt.NDArray[np.float64]


def block_step(taps: int) -> int:
    """Return by how many samples FFT blocks advance; pieces of a track are multiples of it."""
    return _block_length(taps) - (taps - 1)


def _block_length(taps: int) -> int:
    return max(256, 1 << (16 * taps - 1).bit_length())  # long against the overlap, short enough for the caches


def correlate(references: Array, signals: Array, taps: int) -> npt.NDArray[np.complex128]:
    """Return the spectra of the correlations of a piece of some references with some signals.

    Args:
        references: ``(references, samples)``, a multiple of :func:`block_step`.
        signals: ``(signals, samples + taps - 1)``: the same time and what comes after it.
        taps: Number of lags that shall be right.

    Returns:
        ``(bins, references, signals)``; :func:`lags` reads the sum of those of all pieces.
    """
    length, step = _block_length(taps), block_step(taps)
    short = np.fft.rfft(references.reshape(len(references), -1, step), length)
    np.conjugate(short, out=short)
    long = np.fft.rfft(sliding_window_view(signals, length, axis=-1)[:, ::step])  # (signals, blocks, bins)
    return np.asarray(np.matmul(short.transpose(2, 0, 1), long.transpose(2, 1, 0)))


def lags(spectra: npt.NDArray[np.complex128], taps: int) -> Array:
    """Return the correlations ``(references, signals, taps)`` whose spectra :func:`correlate` gave, summed.

    At ``[i, j, l]``: the sum over time ``t`` of ``references[i, t] * signals[j, t + l]``.
    """
    return np.ascontiguousarray(np.fft.irfft(spectra, axis=0)[:taps].transpose(1, 2, 0))


def distortion_filters(references: Array, estimates: Array) -> Array:
    """Return the filters that take the references as near as can be to the estimates.

    Args:
        references: Correlations of the references with each other, ``(references, references, taps)``.
        estimates: Their correlations with the estimates, ``(references, estimates, taps)``.

    Returns:
        ``(estimates, references, taps)``.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve  # here: the rest of the room needs no scipy

    count, _, taps = references.shape
    wanted = estimates.transpose(0, 2, 1).reshape(count * taps, -1)
    try:
        factor = cho_factor(_gram(references).T, lower=True, overwrite_a=True, check_finite=False)
        solution = cho_solve(factor, wanted, check_finite=False)
    except LinAlgError:
        solution = _solve_dependent(_gram(references), wanted)
    return np.ascontiguousarray(solution.reshape(count, taps, -1).transpose(2, 0, 1))


def _solve_dependent(gram: Array, wanted: Array) -> Array:
    """Solve with as many of the delayed references as do not depend on each other in this precision."""
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpstrf

    scale = 1 / np.sqrt(np.diag(gram))[:, None]
    factor, order, rank, _ = dpstrf((gram * scale * scale.T).T, lower=True, overwrite_a=True)
    kept = order[:rank] - 1  # LAPACK counts from 1
    solution = np.zeros_like(wanted)
    solution[kept] = cho_solve((factor[:rank, :rank], True), (wanted * scale)[kept], check_finite=False) * scale[kept]
    return solution


def _gram(correlations: Array) -> Array:
    """Return the block-Toeplitz matrix of the inner products of all delayed references."""
    count, _, taps = correlations.shape
    matrix = np.empty((count, taps, count, taps))
    for first in range(count):
        for second in range(count):
            # at [a, b] `first` delayed by a meets `second` delayed by b, which depends on b - a alone
            both = np.concatenate([correlations[first, second, :0:-1], correlations[second, first]])
            matrix[first, :, second] = sliding_window_view(both, taps)[::-1]
    square = matrix.reshape(count * taps, count * taps)
    square.flat[:: count * taps + 1] += np.finfo(np.float64).eps  # museval's: a silent channel gets no filter
    return square


class FilterBank:
    """Filters that turn some channels into others, for pieces of a signal.

    Args:
        filters: ``(outputs, inputs, taps)``.
    """

    def __init__(self, filters: Array) -> None:
        self.taps = filters.shape[-1]
        self._length, self._step = _block_length(self.taps), block_step(self.taps)
        self._spectra = np.ascontiguousarray(np.fft.rfft(filters, self._length).transpose(2, 0, 1))

    def __call__(self, piece: Array) -> Array:
        """Filter a piece.

        Args:
            piece: ``(inputs, taps - 1 + samples)``: the past that filters remember, then a multiple of
                :func:`block_step`.

        Returns:
            ``(outputs, samples)``.
        """
        blocks = np.fft.rfft(sliding_window_view(piece, self._length, axis=-1)[:, :: self._step])
        filtered = np.matmul(self._spectra, blocks.transpose(2, 0, 1)).transpose(1, 2, 0)
        return np.fft.irfft(filtered, self._length)[..., self.taps - 1 :].reshape(len(filtered), -1)
