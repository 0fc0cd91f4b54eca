from __future__ import annotations

import pytest

from partita_songbook.chance import draw


def test_keys_are_drawn_in_proportion_to_their_weights(rng):
    drawn = [draw({"a": 1, "b": 3, "c": 0}, rng) for _ in range(2000)]
    assert drawn.count("b") / 2000 == pytest.approx(0.75, abs=0.04)
    assert "c" not in drawn
