from __future__ import annotations

import numpy as np
import pytest

from partita.evaluation.projection import FilterBank, block_step, correlate, distortion_filters, lags

TAPS = 20


def correlations(references, signals, taps=TAPS):
    """The definition, term by term."""
    padded = np.pad(signals, ((0, 0), (0, taps)))
    samples = references.shape[-1]
    shifted = np.stack([padded[:, lag : lag + samples] for lag in range(taps)])
    return np.einsum("it,ljt->ijl", references, shifted)


def delayed(references, taps=TAPS):
    """All delayed references as columns, ``(samples + taps - 1, references * taps)``."""
    samples = references.shape[-1]
    columns = [np.pad(reference, (lag, taps - 1 - lag)) for reference in references for lag in range(taps)]
    assert columns[0].size == samples + taps - 1
    return np.stack(columns, 1)


def test_correlations_of_pieces_add_up():
    rng = np.random.default_rng(0)
    size = 2 * block_step(TAPS)
    signals = np.pad(rng.standard_normal((5, 2 * size)), ((0, 0), (0, TAPS - 1)))
    spectra = sum(
        correlate(signals[:3, at : at + size], signals[:, at : at + size + TAPS - 1], TAPS) for at in (0, size)
    )
    np.testing.assert_allclose(lags(spectra, TAPS), correlations(signals[:3], signals), atol=1e-10)


def project(references, estimates):
    filters = distortion_filters(correlations(references, references), correlations(references, estimates))
    assert filters.shape == (len(estimates), len(references), TAPS)
    return delayed(references) @ filters.reshape(len(estimates), -1).T


@pytest.mark.parametrize("dependent", [False, True])
def test_filters_are_the_least_squares_solution(dependent):
    rng = np.random.default_rng(0)
    references, estimates = rng.standard_normal((3, 400)), rng.standard_normal((2, 400))
    if dependent:  # the filters are not determined then; what they give is
        references[2] = references[0] - 2 * references[1]
    padded = np.pad(estimates, ((0, 0), (0, TAPS - 1))).T
    solution, *_ = np.linalg.lstsq(delayed(references), padded)
    np.testing.assert_allclose(project(references, estimates), delayed(references) @ solution, atol=1e-9)


def test_dependent_references_of_very_different_levels_all_count():
    rng = np.random.default_rng(0)
    loud, quiet = rng.standard_normal((2, 400)) * [[1e4], [1e-4]]
    found = project(np.stack([loud, loud, quiet]), quiet[None])
    np.testing.assert_allclose(found[:400, 0], quiet, atol=1e-10)


def test_a_filter_bank_convolves():
    rng = np.random.default_rng(0)
    filters, signal = rng.standard_normal((3, 2, TAPS)), rng.standard_normal((2, 3 * block_step(TAPS)))
    found = FilterBank(filters)(np.pad(signal, ((0, 0), (TAPS - 1, 0))))
    for output, row in zip(found, filters, strict=True):
        expected = sum(np.convolve(channel, taps)[: found.shape[1]] for channel, taps in zip(signal, row, strict=True))
        np.testing.assert_allclose(output, expected, atol=1e-12)
