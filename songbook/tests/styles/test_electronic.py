from __future__ import annotations

import numpy as np
import pytest

from partita_songbook.form import Form
from partita_songbook.midi import Note, Part
from partita_songbook.mixing import silent
from partita_songbook.styles import electronic
from partita_songbook.styles.genres import GENRES

C_MAJOR = {0, 2, 4, 5, 7, 9, 11}


@pytest.mark.parametrize("role", ["pluck", "lead", "sparse", "mallet", "bell", "growl", "keys", "pad", "instrument"])
def test_every_layer_is_composed_in_the_key(role, rng):
    composition = electronic.compose((0, False), 4, 0.5, rng)
    for notes in (composition.lines(role), composition.bass("sub"), composition.tune, composition.chords):
        assert notes
        assert {note.pitch % 12 for note in notes} <= C_MAJOR
        assert all(0 <= note.start < 8 for note in notes)


def test_a_song_is_requantised_to_sixteenths(rng):
    lead = Part(80, tuple(Note(0.51 * i, 0.4, 72, 90) for i in range(8)))
    chords = Part(4, tuple(Note(2.02 * i, 1.9, pitch, 90) for i in range(2) for pitch in (60, 64, 67)))
    bass = Part(33, (Note(0.03, 0.5, 24, 90), Note(1.02, 0.5, 64, 90)))
    composition = electronic.requantise([lead, chords, bass], 0.5, rng)
    assert composition.tune[0].pitch == 72
    assert {note.pitch for note in composition.chords} == {60, 64, 67}
    low = composition.bass("any")
    assert [(note.start, note.pitch) for note in low] == [(0.0, 48), (1.0, 40)]  # octaves 28 to 51
    for notes in (composition.tune, composition.chords, low, composition.lines("any")):
        assert all((note.start / 0.125) % 1 == pytest.approx(0) for note in notes)


def play(band, genre, sections):
    form = Form(sections, tuple(i for i in range(len(sections)) if i == 0 or sections[i] != sections[i - 1]))
    composition = electronic.compose((0, False), band.bars, band.beat, band.rng)
    return electronic.play_electronic(band, GENRES[genre], form, composition, (0, False))


@pytest.mark.parametrize("genre", ["house", "trap", "downtempo"])
def test_a_drop_has_all_stems(band, genre):
    backing = play(band, genre, ("drop",) * band.bars)
    assert list(backing.stems) == ["drums", "bass", "other"]
    for audio in backing.stems.values():
        assert audio.shape == (2, band.samples)
        assert np.isfinite(audio).all()
    assert not silent(backing.stems["drums"])
    assert not silent(backing.stems["bass"])
    assert backing.tune
    assert any(ingredient.startswith("line ") for ingredient in band.card["bass"])


def test_the_kick_ducks_the_bass(band, monkeypatch):
    gains = []

    def sidechain(samples, onsets, depth, release):
        gains.append((samples, list(onsets), depth, release))
        return np.zeros((1, samples), np.float32)

    monkeypatch.setattr(electronic, "sidechain", sidechain)
    for seed in range(2):
        band.rng = np.random.default_rng(seed)
        band.card = {}
        backing = play(band, "future bass", ("drop",) * band.bars)
        if "effects" in band.card:
            assert not backing.stems["other"].any()
            assert backing.stems["drums"].any()
    assert gains
    assert all(samples == band.samples and onsets == sorted(onsets) for samples, onsets, _, _ in gains)
    assert all(0.3 <= depth <= 1.0 and 0 < release < band.beat for _, _, depth, release in gains)
