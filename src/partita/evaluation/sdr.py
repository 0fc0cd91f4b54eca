"""Signal-to-distortion ratios over a whole track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from partita.evaluation.stems import Signals, StemPair

__all__ = ["SILENCE", "sdr", "si_sdr"]

Array = npt.NDArray[np.float64]

SILENCE = 1e-10  # mean square up to which a reference counts as silent: -100 dB
_BLOCK = 1 << 18  # samples


def sdr(references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike) -> Array:
    """Return the SDR of each stem over its whole length, in dB.

    ``10 log10(sum(reference ** 2) / sum((reference - estimate) ** 2))`` over all samples and channels, the
    definition of the 2021 Music Demixing Challenge ("uSDR"); not BSSEval, whose figures are others.
    A silent estimate scores 0, a perfect one infinity; a silent reference has no SDR, which is NaN.

    Args:
        references: The true stems, ``(sources, channels, samples)``, read some seconds at a time.
        estimates: The same shape, sources in the same order.

    Returns:
        ``(sources,)``.

    Raises:
        ValueError: The shapes differ, are not of three dimensions or hold nothing; or a sample is not finite.
    """
    pair = StemPair(references, estimates)
    energy, error = np.zeros((2, pair.sources))
    for truth, guess in _blocks(pair):
        energy += _inner(truth, truth)
        error += _inner(truth - guess, truth - guess)
    return _decibels(energy, energy, error, pair)


def si_sdr(references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike) -> Array:
    """Return the scale-invariant SDR of each stem over its whole length, in dB.

    The SDR against the reference at the level, one for all channels, at which it is nearest to the estimate (Le Roux
    et al. 2019, without removing means). An estimate with nothing of the reference in it, silence included,
    scores minus infinity, a multiple of the reference infinity (but for rounding); a silent reference has no
    SI-SDR, which is NaN.

    Args:
        references: The true stems, ``(sources, channels, samples)``, read some seconds at a time.
        estimates: The same shape, sources in the same order.

    Returns:
        ``(sources,)``.

    Raises:
        ValueError: The shapes differ, are not of three dimensions or hold nothing; or a sample is not finite.
    """
    pair = StemPair(references, estimates)
    energy, common, error = np.zeros((3, pair.sources))
    for truth, guess in _blocks(pair):
        energy += _inner(truth, truth)
        common += _inner(truth, guess)
    level = np.divide(common, energy, out=np.zeros_like(energy), where=energy > 0)
    for truth, guess in _blocks(pair):
        rest = level[:, None, None] * truth - guess
        error += _inner(rest, rest)
    return _decibels(energy, level**2 * energy, error, pair)


def _blocks(pair: StemPair) -> Iterator[Array]:
    for start in range(0, pair.samples, _BLOCK):
        stop = min(start + _BLOCK, pair.samples)
        yield pair.read(start, stop, (start, stop))


def _inner(first: Array, second: Array) -> Array:
    products: Array = np.einsum("sct,sct->s", first, second)
    return products


def _decibels(energy: Array, above: Array, below: Array, pair: StemPair) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(above > 0, 10 * np.log10(above / below), -np.inf)
    return np.where(energy > SILENCE * pair.channels * pair.samples, ratio, np.nan)
