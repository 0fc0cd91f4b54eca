from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from partita.errors import ConfigError
from partita_songbook import singing, takes, vowels
from partita_songbook.formants import SungNote, croon
from partita_songbook.midi import Note
from partita_songbook.singing import Voice
from tones import RATE, dominant, sung


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    path = tmp_path_factory.mktemp("takes") / "a.wav"
    soundfile.write(path, sung(2.0, 57), RATE)
    return takes.analyse(path)[0]


def median_pitch(audio):
    """As the analysis hears it: MIDI pitch of (1, samples)."""
    world = takes.world()
    pitch, _ = world.dio(audio[0].astype(float), RATE)
    return 69 + 12 * np.log2(np.median(pitch[pitch > 0]) / 440)


def test_phrases_are_what_lies_between_pauses():
    voice = sung(4.0, 57, ((0, 0.5), (1.5, 2.0), (3.0, 3.9)))[None]
    first, second = takes.split_phrases(voice)  # the last 0.1 s are too short to keep
    assert (first.start / RATE, first.stop / RATE) == pytest.approx((0.5, 1.5), abs=0.07)
    assert (second.start / RATE, second.stop / RATE) == pytest.approx((2.0, 3.0), abs=0.07)


def test_silence_has_no_phrases():
    assert takes.split_phrases(np.zeros((1, RATE), np.float32)) == []


def test_long_phrases_are_divided(tmp_path):
    soundfile.write(tmp_path / "long.wav", sung(9.0, 57), RATE)
    lengths = [len(take.pitch) * takes.FRAME for take in takes.analyse(tmp_path / "long.wav")]
    assert max(lengths) <= 7.0
    assert sum(lengths) == pytest.approx(9.0, abs=0.1)


@pytest.mark.parametrize("semitones", [-5, 0, 7])
def test_a_take_is_sung_at_another_pitch_and_tempo(take, semitones, rng):
    out = singing.resing(take, Voice(semitones=semitones, tempo=1.25), rng)
    assert out.shape[-1] / RATE == pytest.approx(2.0 / 1.25, abs=0.05)
    assert median_pitch(out) == pytest.approx(57 + semitones, abs=0.15)


def test_tuning_flattens_the_vibrato_onto_the_key(take, rng):
    # a quarter tone sharp of A; the key of A major holds A
    sharp = replace(take, pitch=take.pitch * 2 ** (0.4 / 12))
    tuned = singing.resing(sharp, Voice(tune=1.0, tonic=9), rng)
    assert median_pitch(tuned) == pytest.approx(57, abs=0.1)
    assert median_pitch(singing.resing(sharp, Voice(), rng)) == pytest.approx(57.4, abs=0.1)


def test_formants_move_the_spectrum_but_not_the_pitch(take, rng):
    def centre(audio):
        power = np.square(np.abs(np.fft.rfft(audio[0])))
        return (power * np.fft.rfftfreq(audio.shape[-1], 1 / RATE)).sum() / power.sum()

    plain, small = (singing.resing(take, Voice(formants=factor), rng) for factor in (1.0, 1.5))
    assert centre(small) > 1.15 * centre(plain)
    assert median_pitch(small) == pytest.approx(57, abs=0.15)


def test_replay_resamples_the_recording(take):
    out = singing.replay(take, 12)
    assert out.shape[-1] / RATE == pytest.approx(1.0, abs=0.05)
    assert median_pitch(out) == pytest.approx(69, abs=0.15)


def test_takes_are_moved_into_the_key(take):
    for tonic in range(12):
        shift = singing.key_shift(take, tonic, False)
        assert (57 + shift - tonic) % 12 in {0, 4, 7}
        assert -6 <= shift < 6


def test_without_the_vocoder_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(ConfigError, match="pip install"):
        takes.world()


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


def test_the_synthetic_singer_sings_notes_and_vowels(rng):
    syllables = (SungNote(0.1, 0.9, 57, "n", "a"), SungNote(1.2, 0.9, 64, "t", "i"))
    out = croon(syllables, int(2.3 * RATE), rng)
    assert np.abs(out).max() == pytest.approx(1, abs=0.05)
    for syllable, formant in zip(syllables, (800, 330), strict=True):
        held = out[:, int((syllable.start + 0.3) * RATE) : int((syllable.start + 0.8) * RATE)]
        assert median_pitch(held) == pytest.approx(syllable.pitch, abs=0.3)
        # the strongest partial is the one at the first formant
        fundamental = 440 * 2 ** ((syllable.pitch - 69) / 12)
        assert abs(dominant(held[0]) - formant) < fundamental
    gap = out[:, int(1.08 * RATE) : int(1.18 * RATE)]
    assert np.abs(gap).max() < 0.1
