from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partita_songbook import vocals
from partita_songbook.effects import rms_db
from partita_songbook.library import Library
from tones import RATE


@pytest.fixture
def only(monkeypatch):
    """Leave one way of singing, without effects or further voices."""

    def choose(way):
        monkeypatch.setattr(vocals, "_WAYS", {True: {way: 1.0}, False: {way: 1.0}})
        monkeypatch.setattr(vocals, "_effects", lambda audio, *_: (audio, []))

    return choose


@pytest.mark.parametrize(
    ("way", "voice"),
    [
        ("phrases", None),
        ("tune", "sung to a tune"),
        ("vowels", "formants x"),
        ("chops", "chopped"),
        ("pad", "pad"),
        ("vocoder", "channel vocoder"),
    ],
)
def test_every_way_of_singing_sounds_and_is_on_the_card(library, setting, only, way, voice):
    only(way)
    audio, card = vocals.sing(library, setting, np.random.default_rng(1))
    assert audio.shape == (2, setting.samples)
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all()
    assert -25 < rms_db(audio) < -12
    assert card["singer"] == ("formant synthesis" if way == "vowels" else "alto")
    assert card["licence"] == ("own synthesis" if way == "vowels" else "CC0")
    if voice:
        assert voice in card["voice"]


def test_vowels_are_silent_in_instrumental_bars(library, setting, only):
    only("vowels")
    audio, _ = vocals.sing(library, replace(setting, electronic=False), np.random.default_rng(1))
    assert not audio[:, int(4.1 * RATE) : int(5.9 * RATE)].any()
    assert audio[:, : 4 * RATE].any()


@pytest.mark.parametrize("way", ["phrases", "tune", "chops", "vocoder"])
def test_without_recordings_the_formant_synthesiser_sings(setting, only, way):
    only(way)
    audio, card = vocals.sing(Library(), setting, np.random.default_rng(1))
    assert card["singer"] == "formant synthesis"
    assert rms_db(audio) > -25


def test_without_a_tune_nobody_sings(setting):
    audio, card = vocals.sing(Library(), replace(setting, tune=(), chords=()), np.random.default_rng(1))
    assert not audio.any()
    assert card == {"singer": None}


def test_electronic_songs_list_effects_and_further_voices(library, setting):
    cards = [vocals.sing(library, setting, np.random.default_rng(seed))[1] for seed in range(3)]
    assert all(isinstance(card["effects"], list) for card in cards)
    assert any(card["effects"] for card in cards)
    further = [voice for card in cards for voice in card.get("further voices", [])]
    assert all({"singer", "licence", "voice"} <= voice.keys() for voice in further)
    assert "effects" not in vocals.sing(library, replace(setting, electronic=False), np.random.default_rng(0))[1]
