"""Whole songs, on material the tests make and with the soundfonts replaced by a tone generator."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from partita_songbook import arrange, render
from partita_songbook.keys import find_key
from partita_songbook.library import Library
from partita_songbook.midi import Note
from partita_songbook.mixing import STEMS, silent
from partita_songbook.styles.genres import GENRES
from tones import RATE, sung

SECONDS = 3.0


def check(song):
    assert tuple(song.stems) == STEMS
    assert all(audio.shape == (2, int(SECONDS * RATE)) for audio in song.stems.values())
    assert all(audio.dtype == np.float32 for audio in song.stems.values())
    assert all(np.isfinite(audio).all() for audio in song.stems.values())
    assert np.abs(sum(song.stems.values())).max() < 1
    assert song.card["silent"] == [stem for stem in STEMS if silent(song.stems[stem])]
    json.dumps(song.card)


def test_songs_of_all_styles(library):
    styles = set()
    for index in range(8):
        song = arrange.arrange(library, 3, index, seconds=SECONDS)
        styles.add(song.card["style"])
        check(song)
    assert styles == {"electronic", "band", "hybrid"}


@pytest.mark.parametrize("genre", GENRES)
def test_songs_of_all_genres(library, genre, monkeypatch):
    monkeypatch.setattr(arrange, "GENRES", {genre: GENRES[genre]})
    monkeypatch.setattr(arrange, "STYLES", {"electronic": 1.0})
    song = arrange.arrange(library, 1, 0, seconds=SECONDS)
    check(song)
    assert song.card["genre"] == genre


@pytest.mark.usefixtures("bare")
def test_without_any_material_all_is_synthesis():
    song = arrange.arrange(Library.open(None), 1, 0, seconds=SECONDS)
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


def test_the_key_of_a_scale_is_found():
    for tonic in range(12):
        scale = tuple(
            Note(i, 2.0 if step in (0, 7) else 1.0, 60 + tonic + step, 90)
            for i, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12))
        )
        assert find_key(scale) == (tonic, False)
    assert find_key(()) == (0, False)


@pytest.mark.usefixtures("bare")
def test_finished_stems_are_balanced_repeated_and_sung_over(material, tmp_path):
    folder = material / "songs-train" / "disco"
    folder.mkdir(parents=True)
    for stem, level in (("drums", 0.5), ("bass", 0.01), ("other", 0.1)):
        soundfile.write(folder / f"{stem}.wav", level * np.stack([sung(8.0, 45)] * 2, 1), RATE)
    library = Library.open(material)
    (written,) = render.render_stems(library, tmp_path / "out", 1)
    assert written.name == "train-disco-0"
    stems = {stem: soundfile.read(written / f"{stem}.flac", dtype="float32")[0].T for stem in STEMS}
    assert {audio.shape for audio in stems.values()} == {(2, 64 * RATE)}
    assert not any(silent(audio) for audio in stems.values())
    assert np.abs(stems["bass"]).max() > 0.02
    first, again = stems["drums"][:, : 8 * RATE], stems["drums"][:, 8 * RATE : 16 * RATE]
    assert np.corrcoef(first[0], again[0])[0, 1] > 0.95  # the bus compressor hears the singer too
    assert list(render.render_stems(library, tmp_path / "out", 1)) == []


@pytest.mark.usefixtures("bare")
def test_the_licences_of_what_others_made_are_in_the_card(library):
    cards = [arrange.arrange(library, 2, index, seconds=2.0).card for index in range(6)]
    sung = [card for card in cards if card["ingredients"]["vocals"]["singer"] == "alto"]
    assert sung
    assert all(card["licences"]["alto"] == "CC0" for card in sung)
