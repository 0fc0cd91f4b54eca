from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.errors import AudioError
from partita_songbook import midi
from partita_songbook.midi import Note
from tones import write_midi_song

NOTES = (Note(0.0, 0.5, 60, 100), Note(0.5, 0.25, 64, 80), Note(1.0, 1.0, 67, 1))


def test_what_is_written_is_read(tmp_path):
    midi.write_midi(tmp_path / "a.mid", NOTES, 33)
    (part,) = midi.read_midi(tmp_path / "a.mid")
    assert part.program == 33
    assert part.is_bass
    assert not part.is_drums
    for note, original in zip(part.notes, NOTES, strict=True):
        assert (note.pitch, note.velocity) == (original.pitch, original.velocity)
        assert (note.start, note.duration) == pytest.approx((original.start, original.duration), abs=2e-3)


def test_drums_are_on_their_channel(tmp_path):
    midi.write_midi(tmp_path / "a.mid", NOTES, 33, drums=True)
    (part,) = midi.read_midi(tmp_path / "a.mid")
    assert part.is_drums
    assert not part.is_bass


def test_parts_and_tempo_of_a_song(tmp_path):
    write_midi_song(tmp_path / "a.mid", [(0, 80, [(0, 1, 60), (1, 1, 62)]), (1, 38, [(2, 2, 40)])], bpm=90)
    lead, bass = midi.read_midi(tmp_path / "a.mid")
    assert [lead.program, bass.program] == [80, 38]
    assert bass.notes[0].start == pytest.approx(2 * 60 / 90, abs=1e-3)
    assert bass.notes[0].duration == pytest.approx(2 * 60 / 90, abs=1e-3)
    assert midi.tempo(tmp_path / "a.mid") == pytest.approx(90, abs=0.01)


def test_a_note_struck_again_ends_the_one_before(tmp_path):
    midi.write_midi(tmp_path / "a.mid", (Note(0, 2, 60, 90), Note(1, 1, 60, 90)), 0)
    (part,) = midi.read_midi(tmp_path / "a.mid")
    assert [round(note.start, 2) for note in part.notes] == [0, 1]
    assert part.notes[0].duration == pytest.approx(1, abs=1e-2)


def test_other_files_are_refused_by_name(tmp_path):
    (tmp_path / "no.mid").write_bytes(b"RIFF....")
    with pytest.raises(AudioError, match=r"no\.mid: cannot be read as MIDI"):
        midi.read_midi(tmp_path / "no.mid")


def test_crop_moves_and_stretches():
    (note,) = midi.crop(NOTES, 0.4, 0.5, 2.0)
    assert (note.start, note.duration, note.pitch) == (pytest.approx(0.2), 0.5, 64)


def test_repeat_fills_the_time():
    notes = midi.repeat(NOTES, 2.0, 5.2)
    assert [note.start for note in notes] == [0, 0.5, 1, 2, 2.5, 3, 4, 4.5, 5]


@given(st.integers(0, 127), st.integers(-24, 24))
@settings(max_examples=30, deadline=None)
def test_transposition_stays_in_range(pitch, semitones):
    (note,) = midi.transpose((Note(0, 1, pitch, 90),), semitones)
    assert 0 <= note.pitch <= 127 or abs(semitones) > 12
    assert (note.pitch - pitch - semitones) % 12 == 0
