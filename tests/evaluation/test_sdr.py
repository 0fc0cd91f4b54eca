from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.evaluation import sdr

SIGNAL = np.random.default_rng(0).standard_normal((2, 1000))


@given(st.floats(-60, 60))
def test_an_error_of_known_energy(decibels):
    error = np.sign(SIGNAL) * np.sqrt(np.mean(SIGNAL**2)) * 10 ** (-decibels / 20)
    assert sdr(SIGNAL, SIGNAL + error) == pytest.approx(decibels, abs=1e-6)


def test_silence_scores_nothing_and_perfection_everything():
    assert sdr(SIGNAL, np.zeros_like(SIGNAL)) == pytest.approx(0, abs=1e-9)
    assert sdr(SIGNAL, SIGNAL) == math.inf


def test_a_silent_reference_has_no_score():
    assert math.isnan(sdr(np.zeros((2, 10)), np.ones((2, 10))))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        sdr(SIGNAL, SIGNAL[:, 1:])
