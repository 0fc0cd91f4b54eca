from __future__ import annotations

from partita_songbook.keys import find_key
from partita_songbook.midi import Note


def test_the_key_of_a_scale_is_found():
    for tonic in range(12):
        scale = tuple(
            Note(i, 2.0 if step in (0, 7) else 1.0, 60 + tonic + step, 90)
            for i, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12))
        )
        assert find_key(scale) == (tonic, False)
    assert find_key(()) == (0, False)
