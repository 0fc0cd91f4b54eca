"""Least-squares projection of estimates onto delayed references by FFT, a piece of the track at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["FilterBank", "block_step", "correlate", "distortion_filters", "lags"]

Array = npt.NDArray[np.float64]


def block_step(taps: int) -> int:
    """Return the hop of FFT blocks in samples; a piece of a track is a multiple of it."""
    return _block_length(taps) - (taps - 1)


def _block_length(taps: int) -> int:
    return max(256, 1 << (16 * taps - 1).bit_length())  # much longer than the overlap, short enough for the caches


def correlate(references: Array, signals: Array, taps: int) -> npt.NDArray[np.complex128]:
    """Return the spectra of the correlations between a piece of the references and of some signals.

    Args:
        references: ``(references, samples)``, with a multiple of :func:`block_step` samples.
        signals: ``(signals, samples + taps - 1)``: the same samples and the ``taps - 1`` that follow.
        taps: Number of lags needed.

    Returns:
        ``(bins, references, signals)``, to be added up over all pieces and passed to :func:`lags`.
    """
    length, step = _block_length(taps), block_step(taps)
    short = np.fft.rfft(references.reshape(len(references), -1, step), length)
    np.conjugate(short, out=short)
    long = np.fft.rfft(sliding_window_view(signals, length, axis=-1)[:, ::step])  # (signals, blocks, bins)
    return np.asarray(np.matmul(short.transpose(2, 0, 1), long.transpose(2, 1, 0)))


def lags(spectra: npt.NDArray[np.complex128], taps: int) -> Array:
    """Return the correlations ``(references, signals, taps)`` from the summed spectra of :func:`correlate`.

    Element ``[i, j, l]`` is the sum over time ``t`` of ``references[i, t] * signals[j, t + l]``.
    """
    return np.ascontiguousarray(np.fft.irfft(spectra, axis=0)[:taps].transpose(1, 2, 0))


def distortion_filters(references: Array, estimates: Array) -> Array:
    """Return the filters whose output from the references is closest to the estimates, in the least-squares sense.

    Args:
        references: Correlations of the references with each other, ``(references, references, taps)``.
        estimates: Their correlations with the estimates, ``(references, estimates, taps)``.

    Returns:
        ``(estimates, references, taps)``.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve  # an optional dependency

    count, _, taps = references.shape
    wanted = estimates.transpose(0, 2, 1).reshape(count * taps, -1)
    try:
        factor = cho_factor(_gram(references).T, lower=True, overwrite_a=True, check_finite=False)
        solution = cho_solve(factor, wanted, check_finite=False)
    except LinAlgError:
        solution = _solve_dependent(_gram(references), wanted)
    return np.ascontiguousarray(solution.reshape(count, taps, -1).transpose(2, 0, 1))


def _solve_dependent(gram: Array, wanted: Array) -> Array:
    """Solve with a largest set of delayed references that are linearly independent in double precision."""
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
            # [a, b]: `first` delayed by a times `second` delayed by b, which depends on b - a only
            both = np.concatenate([correlations[first, second, :0:-1], correlations[second, first]])
            matrix[first, :, second] = sliding_window_view(both, taps)[::-1]
    square = matrix.reshape(count * taps, count * taps)
    square.flat[:: count * taps + 1] += np.finfo(np.float64).eps  # as museval: a silent channel gets no filter
    return square


class FilterBank:
    """Filters from some channels to others, applied to a signal piece by piece.

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
            piece: ``(inputs, taps - 1 + samples)``: the preceding ``taps - 1`` samples, then a multiple of
                :func:`block_step`.

        Returns:
            ``(outputs, samples)``.
        """
        blocks = np.fft.rfft(sliding_window_view(piece, self._length, axis=-1)[:, :: self._step])
        filtered = np.matmul(self._spectra, blocks.transpose(2, 0, 1)).transpose(1, 2, 0)
        return np.fft.irfft(filtered, self._length)[..., self.taps - 1 :].reshape(len(filtered), -1)
