from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita_songbook import mixing
from partita_songbook.effects import RATE, rms_db
from partita_songbook.mixing import STEMS


def noise(seed, level=0.3):
    return level * np.random.default_rng(seed).standard_normal((2, RATE)).astype(np.float32)


@given(st.integers(0, 2**32), st.floats(0.001, 10))
@settings(max_examples=20, deadline=None)
def test_neither_the_sum_nor_a_stem_clips(seed, level):
    stems = {stem: noise(i, level) for i, stem in enumerate(STEMS)}
    mixed = mixing.balance(stems, np.random.default_rng(seed))
    assert np.abs(sum(mixed.values())).max() <= 0.97 + 1e-4
    assert all(np.abs(audio).max() <= 0.97 + 1e-4 for audio in mixed.values())


def test_levels_are_as_announced_on_average():
    stems = {stem: noise(i) for i, stem in enumerate(STEMS)}
    levels = {stem: [] for stem in STEMS}
    for seed in range(150):
        mixed = mixing.balance(stems, np.random.default_rng(seed))
        for stem in STEMS:
            levels[stem].append(rms_db(mixed[stem]) - rms_db(mixed["drums"]))
    for stem in STEMS:
        assert np.mean(levels[stem]) == pytest.approx(mixing.LEVELS[stem][0], abs=0.8)


def test_silent_stems_stay_silent():
    stems = {stem: noise(i) for i, stem in enumerate(STEMS)} | {"bass": np.zeros((2, RATE), np.float32)}
    mixed = mixing.balance(stems, np.random.default_rng(0))
    assert not mixed["bass"].any()
    assert mixing.silent(mixed["bass"])
    assert not mixing.silent(mixed["drums"])
    assert not mixing.channel_strip("vocals", stems["bass"], 0.5, np.random.default_rng(0)).any()


@pytest.mark.parametrize("stem", STEMS)
def test_channel_strips_keep_length_and_repeat_with_their_seed(stem):
    for seed in range(3):
        once, again = (mixing.channel_strip(stem, noise(1), 0.1, np.random.default_rng(seed)) for _ in "ab")
        assert np.array_equal(once, again)
        assert once.shape == (2, RATE)
        assert once.dtype == np.float32
        assert np.isfinite(once).all()
        assert -40 < rms_db(once) < 0
