"""Signal-to-distortion ratios (SDR) over a whole track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from partita.audio.level import SILENCE
from partita.evaluation.stems import Signals, StemPair

__all__ = ["sdr", "si_sdr"]

Array = npt.NDArray[np.float64]

_BLOCK = 1 << 18  # samples


def sdr(references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike) -> Array:
    """Return the SDR of each stem over its whole length, in dB.

    ``10 log10(sum(reference ** 2) / sum((reference - estimate) ** 2))`` over all samples and channels, as the Music
    Demixing Challenge 2021 defines it ("uSDR"; Mitsufuji et al. 2022). It differs from the SDR of BSSEval, which is a
    median over frames. A silent estimate scores 0 and a perfect one infinity. A silent reference has no SDR (NaN);
    it counts as silent if its mean square is at most -95 dB, so that dither does not count as sound.

    Args:
        references: The true stems, ``(sources, channels, samples)``, full scale is 1. They are read a few seconds
            at a time.
        estimates: The same shape, sources in the same order.

    Returns:
        Float64 ``(sources,)``.

    Raises:
        ValueError: The shapes differ, do not have three dimensions or hold no samples; or a sample is not finite.
    """
    pair = StemPair(references, estimates)
    energy, error = np.zeros((2, pair.sources))
    for truth, guess in _blocks(pair):
        energy += _inner(truth, truth)
        error += _inner(truth - guess, truth - guess)
    return _decibels(energy, energy, error, pair)


def si_sdr(references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike) -> Array:
    """Return the scale-invariant SDR of each stem over its whole length, in dB.

    This is the SDR after the reference has been scaled, by one factor for all channels, to be closest to the
    estimate (Le Roux et al. 2019, without removing means). An estimate uncorrelated with the reference, such as
    silence, scores minus infinity; a multiple of the reference scores infinity, except for rounding. A silent
    reference has no SI-SDR (NaN); it counts as silent if its mean square is at most -95 dB.

    Args:
        references: The true stems, ``(sources, channels, samples)``, full scale is 1. They are read a few seconds
            at a time.
        estimates: The same shape, sources in the same order.

    Returns:
        Float64 ``(sources,)``.

    Raises:
        ValueError: The shapes differ, do not have three dimensions or hold no samples; or a sample is not finite.
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
