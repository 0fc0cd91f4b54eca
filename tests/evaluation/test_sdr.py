from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.evaluation import sdr, si_sdr

SIGNAL = np.random.default_rng(0).standard_normal((1, 2, 1000))  # (sources, channels, samples)


@given(st.floats(-60, 60))
def test_an_error_of_known_energy(decibels):
    error = np.sign(SIGNAL) * np.sqrt(np.mean(SIGNAL**2)) * 10 ** (-decibels / 20)
    assert sdr(SIGNAL, SIGNAL + error) == pytest.approx(decibels, abs=1e-6)


def test_silence_scores_nothing_and_perfection_everything():
    assert sdr(SIGNAL, np.zeros_like(SIGNAL)) == pytest.approx(0, abs=1e-9)
    assert sdr(SIGNAL, SIGNAL) == math.inf


@given(st.floats(-60, 60), st.floats(0.1, 10), st.booleans())
def test_the_scale_does_not_count(decibels, gain, inverted):
    error = np.roll(SIGNAL, 1, -1)
    error -= np.sum(error * SIGNAL) / np.sum(SIGNAL**2) * SIGNAL  # nothing of the signal in it
    error *= np.sqrt(np.sum(SIGNAL**2) / np.sum(error**2)) * 10 ** (-decibels / 20)
    estimate = (SIGNAL + error) * (-gain if inverted else gain)
    assert si_sdr(SIGNAL, estimate) == pytest.approx(decibels, abs=1e-6)


def test_one_scale_for_all_channels():
    assert si_sdr([[[1, 0], [0, 1]]], [[[2, 0], [0, 0]]]) == pytest.approx(0)


def test_scale_invariant_extremes():
    assert si_sdr(SIGNAL, SIGNAL) > 250
    assert si_sdr(SIGNAL, np.zeros_like(SIGNAL)) == -math.inf
    assert si_sdr([[[1, 0]]], [[[0, 1]]]) == -math.inf


@pytest.mark.parametrize("score", [sdr, si_sdr])
def test_a_silent_reference_has_no_score(score):
    assert np.isnan(score(np.zeros((1, 2, 10)), np.ones((1, 2, 10)))).all()


@pytest.mark.parametrize("score", [sdr, si_sdr])
def test_a_silent_stem_with_16_bit_dither_has_no_score(score, dithered_silence):
    reference = dithered_silence(44100)[None]
    assert -97 < 10 * np.log10(np.square(reference).mean()) < -95.5
    assert np.isnan(score(reference, np.full_like(reference, 0.01))).all()


@pytest.mark.parametrize(("level", "silent"), [(-95.1, True), (-94.9, False)])
def test_silence_is_a_mean_square_of_at_most_minus_90_db(level, silent):
    reference = 10 ** (level / 20) * np.sign(SIGNAL)
    assert bool(np.isnan(sdr(reference, SIGNAL))) is silent
    assert bool(np.isnan(si_sdr(reference, SIGNAL))) is silent


@pytest.mark.parametrize("score", [sdr, si_sdr])
def test_shapes_must_agree(score):
    with pytest.raises(ValueError, match="differ in shape"):
        score(SIGNAL, SIGNAL[..., 1:])


@pytest.mark.parametrize("score", [sdr, si_sdr])
def test_sources_are_scored_by_themselves_and_blocks_leave_no_seam(score):
    rng = np.random.default_rng(1)
    references = rng.standard_normal((3, 2, 300_000))
    references[1] = 0
    estimates = references + rng.standard_normal((3, 1, 1)) * rng.standard_normal(references.shape)
    together = score(references, estimates)
    assert np.isnan(together[1])
    for source in (0, 2):
        truth, guess = references[source], estimates[source]
        level = 1.0 if score is sdr else np.sum(truth * guess) / np.sum(truth**2)
        expected = 10 * np.log10(np.sum((level * truth) ** 2) / np.sum((level * truth - guess) ** 2))
        assert together[source] == pytest.approx(expected, abs=1e-9)
