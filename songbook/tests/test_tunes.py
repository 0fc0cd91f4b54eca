from __future__ import annotations

import pytest
import soundfile

from partita_songbook import tunes
from partita_songbook.midi import Note
from partita_songbook.takes import analyse
from tones import RATE, median_pitch, sung


def test_a_take_sings_a_tune(tmp_path, rng):
    soundfile.write(tmp_path / "a.wav", sung(2.0, 57, ((0.9, 1.1),)), RATE)
    takes = list(analyse(tmp_path / "a.wav"))
    notes = (Note(0.2, 0.8, 60, 100), Note(1.0, 0.8, 64, 100), Note(2.5, 0.6, 55, 100))
    out = tunes.sing_tune(takes, notes, 3 * RATE, tunes.Manner(drift=0, late=0, vibrato=0), rng)
    assert out.shape == (1, 3 * RATE)
    assert not out[:, : int(0.15 * RATE)].any()
    assert not out[:, int(2.0 * RATE) : int(2.4 * RATE)].any()
    for note, end in zip(notes, (0.95, 1.75, 3.0), strict=True):
        held = out[:, int((note.start + 0.25) * RATE) : int(end * RATE)]
        assert median_pitch(held) == pytest.approx(note.pitch, abs=0.3)


def test_no_notes_no_song(tmp_path, rng):
    soundfile.write(tmp_path / "a.wav", sung(1.0, 57), RATE)
    takes = list(analyse(tmp_path / "a.wav"))
    assert not tunes.sing_tune(takes, (), RATE, tunes.Manner(), rng).any()


def test_syllables_are_neither_slivers_nor_phrases(tmp_path):
    soundfile.write(tmp_path / "a.wav", sung(3.0, 57), RATE)
    found = [syllable for take in analyse(tmp_path / "a.wav") for syllable in tunes.syllables(take)]
    lengths = [syllable.end - syllable.vowel for syllable in found]
    assert len(found) > 5
    assert min(lengths) >= 14
    assert max(lengths) <= 110
