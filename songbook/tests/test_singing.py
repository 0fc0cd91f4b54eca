from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partita_songbook import singing
from partita_songbook.singing import Voice
from tones import RATE, median_pitch


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
