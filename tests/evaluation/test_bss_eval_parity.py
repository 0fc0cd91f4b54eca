"""Our BSSEval against scores by museval, stored ones (``make_museval_vectors.py``) and, where it is, museval itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partita.evaluation import bss_eval

from .make_museval_vectors import CASES, museval_scores, signals

VECTORS = np.load(Path(__file__).with_name("museval_vectors.npz"))
TOLERANCE = 1e-6  # dB


def scores(case, seed=0):
    found = bss_eval(*signals(case, seed), case.window, case.hop, taps=case.taps, museval_silence=True)
    return np.stack([found.sdr, found.isr, found.sir, found.sar])


@pytest.mark.parametrize("name", CASES)
def test_same_scores_as_museval(name):
    np.testing.assert_allclose(scores(CASES[name]), VECTORS[name], rtol=0, atol=TOLERANCE)


def test_the_vectors_hold_what_they_should():
    assert set(VECTORS.files) == set(CASES)
    assert np.isfinite(VECTORS["stereo"]).all()
    for name in ("silent reference", "silent estimate", "channels that cancel"):
        assert np.isnan(VECTORS[name]).all((0, 1)).tolist() == [False, True, False]


@pytest.mark.parametrize("name", CASES)
def test_same_scores_as_the_museval_that_is_installed(name):
    try:
        import museval  # noqa: F401
    except (ImportError, RuntimeError) as error:  # the latter from stempeg, which wants ffmpeg
        pytest.skip(f"no museval ({error}); the stored vectors stand for it")
    np.testing.assert_allclose(scores(CASES[name], 1), museval_scores(CASES[name], 1), rtol=0, atol=TOLERANCE)
