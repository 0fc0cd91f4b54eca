from __future__ import annotations

import numpy as np
import pytest

from partita_songbook import synth
from partita_songbook.patches import ROLES, random_patch
from tones import RATE, dominant


def test_a_plucked_sub_holds_its_pitch_while_it_dies():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        note = synth.play_note(random_patch("sub pluck", rng), 29, 0.4, rng)[0]
        early, late = note[: RATE // 5], note[RATE // 5 : 2 * RATE // 5]
        assert np.square(early).sum() > np.square(late).sum()
        assert [dominant(early), dominant(late)] == pytest.approx([synth.frequency(29)] * 2, rel=0.06)


@pytest.mark.parametrize("role", ROLES)
def test_any_patch_plays_sound_that_repeats_with_its_seed(role):
    for seed in range(6):
        once, again = (
            synth.play_note(random_patch(role, rng), 48, 0.3, rng)
            for rng in (np.random.default_rng(seed), np.random.default_rng(seed))
        )
        assert np.array_equal(once, again)
        assert np.isfinite(once).all()
        assert 0.02 < np.abs(once).max() < 10
