from __future__ import annotations

import numpy as np
import pytest

from partita_songbook import patterns


@pytest.mark.parametrize("name", patterns.PATTERNS)
def test_patterns_fill_their_bars_in_order(name):
    assert all(len(row) == 16 for row in patterns.PATTERNS[name].values())
    notes = patterns.drum_part(name, 8, 0.5, np.random.default_rng(1))
    times = [note.start for note in notes]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] < 16.3
    assert 36 in {note.pitch for note in notes}
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_four_on_the_floor():
    for seed in range(20):
        notes = patterns.drum_part("house", 4, 0.5, np.random.default_rng(seed))
        kicks = [note.start for note in notes if note.pitch == 36]
        assert kicks == pytest.approx(np.arange(16) * 0.5)


def test_rolls_grow_faster_and_louder():
    roll = patterns.snare_roll(4.0, 4, 0.5)
    gaps = np.diff([note.start for note in roll])
    assert (np.diff(gaps) <= 1e-9).all()
    assert gaps[0] == pytest.approx(4 * gaps[-1])
    assert roll[-1].velocity > 2 * roll[0].velocity
    assert 11.5 < roll[-1].start < 12
