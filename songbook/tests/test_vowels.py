from __future__ import annotations

import pytest

from partita_songbook import vowels
from partita_songbook.midi import Note
from tones import RATE, median_pitch


def test_one_voice_sings_the_top_line_in_its_range():
    notes = (Note(0, 2, 36, 90), Note(0.01, 2, 43, 90), Note(1, 0.5, 41, 90))
    top = vowels.monophonic(notes, 60, 74)
    assert [note.pitch for note in top] == [67, 65]
    assert top[0].duration == pytest.approx(0.99)
    assert vowels.monophonic((), 60, 74) == ()


def test_vowels_sing_a_melody(take, rng):
    notes = (Note(0.2, 0.8, 60, 100), Note(1.2, 0.8, 55, 100))
    out = vowels.vocalise((take,), notes, 1.0, 2 * RATE, rng)
    assert out.shape == (1, 2 * RATE)
    assert not out[:, : int(0.15 * RATE)].any()
    for note in notes:
        held = out[:, int((note.start + 0.3) * RATE) : int((note.start + 0.7) * RATE)]
        assert median_pitch(held) == pytest.approx(note.pitch, abs=0.4)


def test_a_choir_is_in_tune(take, rng):
    out = vowels.choir((take,), (Note(0.0, 0.5, 60, 100), Note(1.9, 3.0, 57, 100)), 2 * RATE, rng)
    assert out.shape == (2, 2 * RATE)
    assert median_pitch(out[:1, : RATE // 2]) == pytest.approx(60, abs=0.2)
    assert not out[:, int(0.7 * RATE) : int(1.8 * RATE)].any()
