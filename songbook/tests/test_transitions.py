from __future__ import annotations

import numpy as np
import pytest

from partita_songbook.effects import rms_db
from partita_songbook.transitions import KINDS, bed, transition
from tones import RATE


@pytest.mark.parametrize("kind", KINDS)
def test_transitions_peak_at_one_and_repeat_with_their_seed(kind):
    once, again = (transition(kind, 1.0, np.random.default_rng(4)) for _ in "ab")
    assert once.shape == (2, RATE)
    assert once.dtype == np.float32
    assert np.abs(once).max() == pytest.approx(1, abs=1e-3)
    assert np.array_equal(once, again)


@pytest.mark.parametrize(
    ("kind", "rises"), [("riser", True), ("reversed", True), ("downlifter", False), ("zap", False)]
)
def test_risers_rise_and_the_others_fall(kind, rises):
    audio = transition(kind, 2.0, np.random.default_rng(1))
    first, last = audio[:, : RATE // 2].std(), audio[:, -RATE // 2 :].std()
    assert (last > 2 * first) == rises


def test_unknown_transitions_are_refused():
    with pytest.raises(ValueError, match="unknown transition 'swoosh'"):
        transition("swoosh", 1.0, np.random.default_rng(0))


def test_beds_have_their_level():
    for seed in range(4):
        assert rms_db(bed(RATE, 0.5, np.random.default_rng(seed))) == pytest.approx(-20, abs=0.1)
