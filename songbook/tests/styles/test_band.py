from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partita.errors import ConfigError
from partita_songbook.library import MaterialFile
from partita_songbook.midi import Note, Part
from partita_songbook.mixing import silent
from partita_songbook.styles import band as styles
from tones import RATE, write_midi_song


@pytest.fixture
def march(material):
    return material / "midi/songs/march.mid"


def test_layers_are_added_in_place(rng):
    total = np.ones((2, 10), np.float32)
    styles.add_layer(total, np.ones((2, 10), np.float32), rng)
    assert (total == total[0, 0]).all()
    assert 1.2 < total[0, 0] < 3.6


def test_songs_without_melody_or_too_short_are_not_chosen(library, tmp_path, rng):
    drums, short = tmp_path / "drums.mid", tmp_path / "short.mid"
    write_midi_song(drums, [(9, 0, [(beat, 0.1, 36) for beat in range(60)])])
    write_midi_song(short, [(0, 0, [(beat, 1, 60) for beat in range(8)])])
    unusable = tuple(MaterialFile(path, "CC0") for path in (drums, short))
    for _ in range(5):
        assert styles.choose_song(replace(library, songs=unusable + library.songs), rng).path.name == "march.mid"
    with pytest.raises(ConfigError, match="add one"):
        styles.choose_song(replace(library, songs=unusable), rng)


def test_a_stretch_is_brought_to_the_tempo_and_transposed_as_a_whole(march, rng):
    parts = styles.stretch(march, 10 * RATE, 0.25, rng)  # written with a note every half second
    lead, bass, drums = parts
    assert (lead.program, bass.program, drums.is_drums) == (80, 33, True)
    for part in parts:
        starts = [note.start for note in part.notes]
        assert np.diff(starts) == pytest.approx(0.25, abs=2e-3)
        assert starts[-1] < 10
    assert {note.pitch for note in drums.notes} == {36, 38}
    shift = min(note.pitch for note in bass.notes) - 36
    assert -5 <= shift <= 6
    assert min(note.pitch for note in lead.notes) == 60 + shift


def test_a_song_that_is_too_short_repeats(march, rng):
    lead = styles.stretch(march, 60 * RATE, 0.5, rng)[0]
    assert lead.notes[-1].start > 55


def test_basses_are_those_of_the_program_or_else_the_lowest_part():
    high, low = (Part(0, (Note(0, 1, pitch, 90),)) for pitch in (72, 40))
    bass, drums = Part(33, (Note(0, 1, 50, 90),)), Part(0, (Note(0, 1, 36, 90),), is_drums=True)
    assert styles.divide([high, low, bass, drums]) == ([bass], [high, low])
    assert styles.divide([high, low, drums]) == ([low], [high])
    assert styles.mean_pitch(high) == 72


def test_a_band_plays_all_parts(band, march):
    parts = styles.stretch(march, band.samples, band.beat, band.rng)
    backing = styles.play_band(band, parts)
    assert list(backing.stems) == ["drums", "bass", "other"]
    assert all(audio.shape == (2, band.samples) and not silent(audio) for audio in backing.stems.values())
    assert backing.tune == parts[0].notes  # the highest part
    assert band.card.keys() == {"drums", "bass", "other"}
