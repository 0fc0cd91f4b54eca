from __future__ import annotations

import numpy as np
import pytest

from partita_songbook import vocal_effects
from tones import RATE, median_pitch, sung


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
