"""Voices that speak, tunes they sing, and what is done to them."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.errors import ConfigError
from partita_songbook import tunes, vocal_effects, voices
from partita_songbook.midi import Note
from partita_songbook.takes import analyse, world
from partita_songbook.voices import SpeechVoice
from tones import RATE, sung


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def median_pitch(audio):
    pitch, _ = world().dio(audio[0].astype(float), RATE)
    return 69 + 12 * np.log2(np.median(pitch[pitch > 0]) / 440)


@pytest.fixture
def flite(tmp_path, monkeypatch):
    """A stand-in for the program, which speaks a second of a tone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    soundfile.write(tmp_path / "tone.wav", sung(1.0, 57)[::2], RATE // 2)
    for name, script in (("flite", f'cp {tmp_path}/tone.wav "$6"'), ("espeak-ng", "echo no voice >&2; exit 1")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.mark.usefixtures("flite")
def test_a_line_is_spoken_once(tmp_path):
    voice = SpeechVoice("flite", "slt")
    path = voices.speak(voice, 0, tmp_path / "speech")
    written = path.stat().st_mtime_ns
    assert soundfile.info(path).duration == pytest.approx(1.0)
    assert voices.speak(voice, 0, tmp_path / "speech").stat().st_mtime_ns == written
    assert [file.name for file in (tmp_path / "speech").iterdir()] == [path.name]


@pytest.mark.usefixtures("flite")
def test_a_synthesiser_that_fails_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"espeak-ng cannot speak as f1: no voice"):
        voices.speak(SpeechVoice("espeak-ng", "f1"), 0, tmp_path)


def test_only_installed_synthesisers_have_voices(flite, monkeypatch):
    monkeypatch.setenv("PATH", str(flite))
    assert {voice.engine for voice in voices.find_voices()} == {"flite", "espeak-ng"}
    monkeypatch.setenv("PATH", str(flite.parent))
    assert voices.find_voices() == []


def test_analysis_is_kept_and_found_again(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, sung(1.0, 57), RATE)
    fresh = analyse(path)
    first = analyse(path, tmp_path / "cache")
    analyse.cache_clear()
    monkeypatch.setattr("partita_songbook.takes._phrases", lambda _: pytest.fail("analysed twice"))
    again = analyse(path, tmp_path / "cache")
    for take in (first[0], again[0]):
        assert np.array_equal(take.pitch, fresh[0].pitch)
        assert np.array_equal(take.envelope, fresh[0].envelope)
    assert len(list((tmp_path / "cache").iterdir())) == 1


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


@pytest.mark.parametrize("kind", vocal_effects.CHARACTERS)
def test_characters_change_the_sound_only(kind, rng):
    voice = np.stack([sung(1.0, 57)] * 2)
    out = vocal_effects.character(kind, voice, 0.5, rng)
    assert out.shape == voice.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert 0.01 < out.std() < 3
    assert np.abs(out - voice).max() > 0.003


def test_the_vocoder_has_the_pitch_of_its_carrier_and_the_envelope_of_the_voice(rng):
    voice = 0.2 * rng.standard_normal((1, 2 * RATE), np.float32)
    voice[:, RATE:] = 0
    phase = np.arange(2 * RATE) / RATE * 110
    carrier = np.stack([2 * (phase % 1) - 1] * 2).astype(np.float32)
    out = vocal_effects.vocode(voice, carrier, rng)
    assert out.shape == carrier.shape
    assert median_pitch(out[:1, : RATE * 9 // 10]) == pytest.approx(45, abs=0.2)
    assert out[:, int(1.2 * RATE) :].std() < 0.02 * out[:, : RATE // 2].std()


def test_stutters_repeat_the_end_of_a_bar():
    ramp = np.tile(np.linspace(0.1, 1, 8 * RATE, dtype=np.float32), (2, 1))
    out = vocal_effects.stutter(ramp, 0.5, np.random.default_rng(3))
    assert out.shape == ramp.shape
    assert (out != ramp).any()
    assert np.array_equal(out[:, : int(1.5 * RATE)], ramp[:, : int(1.5 * RATE)])


def test_throws_only_add_echoes():
    voice = np.zeros((2, 6 * RATE), np.float32)
    voice[:, : 2 * RATE] = np.stack([sung(2.0, 57)] * 2)
    for seed in range(5):
        out = vocal_effects.throw(voice, 0.5, np.random.default_rng(seed))
        assert np.array_equal(out[:, :RATE], voice[:, :RATE])
        assert out.shape == voice.shape


def test_chops_last_whole_beats(rng):
    out = vocal_effects.chop(sung(2.0, 57)[None], 0.5, rng)
    assert out.shape[0] == 1
    assert out.shape[-1] / RATE == pytest.approx(round(out.shape[-1] / RATE / 0.5) * 0.5, abs=0.4)
    assert out.std() > 0.01


def test_doubles_are_wide(rng):
    out = vocal_effects.double(sung(1.0, 57)[None], 0.8, rng)
    assert out.shape == (2, RATE)
    assert np.corrcoef(out)[0, 1] < 0.99
