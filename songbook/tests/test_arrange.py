"""Whole songs, from the material of the tests, with a sine in place of soundfonts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from partita_songbook import arrange
from partita_songbook.effects import rms_db
from partita_songbook.library import Library
from partita_songbook.midi import Note, Part
from partita_songbook.mixing import STEMS, silent
from partita_songbook.styles.genres import GENRES
from tones import RATE

SECONDS = 3.0


def check(song):
    """Check stems and card; returns the names of the stems that sound."""
    assert tuple(song.stems) == STEMS
    for audio in song.stems.values():
        assert audio.shape == (2, int(SECONDS * RATE))
        assert audio.dtype == np.float32
        assert np.isfinite(audio).all()
    sounding = [stem for stem in STEMS if not silent(song.stems[stem])]
    assert len(sounding) >= 2
    for stem in sounding:
        assert -40 < rms_db(song.stems[stem]) < -6, stem
    assert song.card["silent"] == [stem for stem in STEMS if stem not in sounding]
    assert set(sounding) <= song.card["ingredients"].keys()
    mixture = sum(song.stems.values())
    assert 0.05 < np.abs(mixture).max() < 1
    json.dumps(song.card)
    return sounding


def test_songs_of_all_styles(library):
    songs = [arrange.arrange(library, 3, index, seconds=SECONDS) for index in range(8)]
    sounding = [stem for song in songs for stem in check(song)]
    assert {song.card["style"] for song in songs} == {"electronic", "band", "hybrid"}
    assert all(sounding.count(stem) >= 5 for stem in STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_the_stem_that_is_drawn_as_missing_is_silent(library, stem, monkeypatch):
    monkeypatch.setattr(arrange, "_MISSING", {stem: 1.0})
    monkeypatch.setattr(arrange, "STYLES", {"band": 1.0})
    monkeypatch.setattr(arrange, "_RESTS", {})
    song = arrange.arrange(library, 3, 0, seconds=SECONDS)
    assert check(song) == [name for name in STEMS if name != stem]
    assert not song.stems[stem].any()


@pytest.mark.parametrize("genre", GENRES)
def test_songs_of_all_genres(library, genre, monkeypatch):
    monkeypatch.setattr(arrange, "GENRES", {genre: GENRES[genre]})
    monkeypatch.setattr(arrange, "STYLES", {"electronic": 1.0})
    song = arrange.arrange(library, 1, 0, seconds=SECONDS)
    check(song)
    assert song.card["genre"] == genre


def test_a_stretch_without_melody_is_composed_over(library, monkeypatch):
    drums = Part(0, tuple(Note(0.5 * i, 0.1, 36, 100) for i in range(6)), is_drums=True)
    monkeypatch.setattr(arrange, "stretch", lambda *_: [drums])
    monkeypatch.setattr(arrange, "STYLES", {"hybrid": 1.0})
    song = arrange.arrange(library, 3, 0, seconds=SECONDS)
    check(song)
    assert song.card["song"] == "march.mid"


def test_without_any_material_all_is_synthesis():
    song = arrange.arrange(Library(), 1, 0, seconds=SECONDS)
    check(song)
    assert song.card["style"] == "electronic"
    assert set(song.card["licences"].values()) <= {"own synthesis"}


def test_the_same_seed_gives_the_same_samples(library):
    one, two, other = (arrange.arrange(library, 1, index, seconds=3.0) for index in (0, 0, 1))
    for stem in STEMS:
        assert np.array_equal(one.stems[stem], two.stems[stem])
    assert one.card == two.card
    assert one.card != other.card
    assert not np.array_equal(one.stems["drums"], other.stems["drums"])


def test_the_licences_of_what_others_made_are_in_the_card(library):
    cards = [arrange.arrange(library, 2, index, seconds=2.0).card for index in range(6)]
    sung = [card for card in cards if card["ingredients"]["vocals"]["singer"] == "alto"]
    assert sung
    assert all(card["licences"]["alto"] == "CC0" for card in sung)
