from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partita.errors import AudioError
from partita_songbook import players
from partita_songbook.effects import rms_db
from partita_songbook.library import Groove, MaterialFile
from partita_songbook.lmms import Preset
from partita_songbook.midi import Note, Part, write_midi
from tones import RATE

NOTES = tuple(Note(0.375 * i, 0.3, 45 + i % 5, 100) for i in range(12))


def test_bars_cover_the_song(band):
    assert band.bars == 3
    band.samples += 1
    assert band.bars == 4


def test_sections_play_in_blocks_and_somewhere(band):
    band.samples *= 10
    for probability in (0.0, 0.5, 1.0):
        active = band.sections(probability, 4)
        assert len(active) == band.bars == 30
        assert all(len(set(active[i : i + 4])) == 1 for i in range(0, 30, 4))
        assert any(active)
        assert all(active) or probability < 1


def test_notes_of_inactive_bars_are_left_out(band):
    kept = band.during(NOTES, (True, False, True))
    assert [int(note.start / 1.5) for note in kept] == [0] * 4 + [2] * 4


def test_ingredients_are_noted_with_their_licence(band):
    band.note("drums", "a")
    band.note("drums", "b", "CC0")
    assert band.card == {"drums": ["a", "b"]}
    assert band.licences == {"b": "CC0"}


def test_a_groove_is_brought_to_the_tempo_and_repeated(band):
    band.samples = 20 * RATE
    notes = players.groove(band, 150.0)  # recorded at 120 beats per minute, with a hit on each beat
    assert [note.start for note in notes] == pytest.approx(0.4 * np.arange(50), abs=2e-3)
    assert [note.pitch for note in notes[:4]] == [36, 42, 38, 42]
    assert band.licences == {"performance train.mid": "CC-BY-4.0"}


def test_a_groove_without_notes_is_named(band, tmp_path):
    write_midi(tmp_path / "empty.mid", (), 0, drums=True)
    band.library = replace(band.library, grooves=(Groove(tmp_path / "empty.mid", "CC0", 120),))
    with pytest.raises(AudioError, match=r"empty\.mid: has no notes"):
        players.groove(band, 120)


@pytest.mark.parametrize(
    ("kind", "name"), [("soundfont", "tone.sf2 kit"), ("sampled", "drum machine"), ("machine", "drum machine")]
)
def test_a_machine_replaces_kits_that_are_missing(band, kind, name):
    audio = players.strike_kit(band, (Note(1.0, 0.1, 36, 120),), kind)
    assert audio.shape == (2, band.samples)
    assert not audio[:, :RATE].any()
    assert audio[:, RATE : int(1.1 * RATE)].any()
    assert band.card["drums"][0].startswith(name)


def test_a_loop_lasts_whole_beats_and_repeats(band):
    band.beat = 0.4
    audio = players.drum_loop(band)  # a second is stretched to two beats
    period = int(0.8 * RATE)
    first, second = audio[:, 100:period], audio[:, period + 100 : 2 * period]
    assert np.corrcoef(first[0], second[0])[0, 1] > 0.99
    assert band.licences == {"loop loop.ogg": "not stated"}


@pytest.mark.parametrize(("stem", "role"), [("bass", "sub"), ("bass", "wobble"), ("other", "pad"), ("other", "bell")])
def test_synthesised_parts_have_their_level(band, stem, role):
    audio = players.play_synth(band, stem, role, NOTES)
    assert audio.shape == (2, band.samples)
    assert rms_db(audio) == pytest.approx(-20, abs=0.1)
    assert band.card[stem][0].startswith(f"synth {role}")
    assert not band.licences


def test_presets_play_what_they_fit_and_are_audible(band, monkeypatch):
    presets = tuple(
        Preset(band.library.songs[0].path.with_name(f"{use}.xiz"), use, "GPL-2.0") for use in ("pad", "lead")
    )
    band.library = replace(band.library, presets=presets)
    played = []

    def play(preset, notes, samples):
        assert notes
        played.append(preset.use)
        return None if len(played) == 1 else np.full((2, samples), 0.1, np.float32)

    monkeypatch.setattr(players.lmms, "play", play)
    for _ in range(12):
        players.play_synth(band, "other", "pad", NOTES)
    assert set(played) == {"pad"}
    assert band.card["other"].count("songs: pad") == len(played) - 1  # the one that failed was synthesised
    assert band.licences == {"songs: pad": "GPL-2.0"}


def test_a_part_is_played_on_a_soundfont_or_else_synthesised(band):
    audio = players.play_part(band, "bass", Part(33, NOTES))
    assert rms_db(audio) == pytest.approx(-20, abs=0.1)
    assert band.card["bass"][0].startswith("tone.sf2 program 3")  # one of the eight basses, 32 to 39
    assert set(band.licences.values()) == {"MIT"}
    band.library = replace(band.library, fonts=())
    players.play_part(band, "bass", Part(33, NOTES))
    assert band.card["bass"][1].startswith("synth bass")


def test_a_short_recording_is_repeated_at_bars(band):
    band.samples = 12 * RATE
    audio = players.play_recording(band)  # a phrase of two seconds in bars of a second and a half
    assert rms_db(audio) == pytest.approx(-20, abs=0.1)
    onsets = [i for i in range(1, 8) if np.abs(audio[:, int(1.5 * i * RATE) :][:, :2000]).max() > 1e-3]
    assert onsets
    assert band.card["other"] == ["recording phrase.ogg"]


def test_a_recording_that_has_gone_is_named(band, tmp_path):
    band.library = replace(band.library, phrases=(MaterialFile(tmp_path / "gone.ogg", "CC0"),))
    with pytest.raises(AudioError, match=r"gone\.ogg"):
        players.play_recording(band)
