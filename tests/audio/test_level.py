from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.audio import Quantiser, decibels, is_silent
from partita.audio.level import SILENCE


@pytest.mark.parametrize(("amplitude", "level"), [(1, 0), (10, 20), (0.5, -6.0206), (1e-5, -100)])
def test_decibels(amplitude, level):
    assert decibels(amplitude) == pytest.approx(level, abs=1e-4)


def test_no_amplitude_is_minus_infinity():
    assert decibels(0) == -math.inf


@given(st.floats(-200, 200))
def test_decibels_invert_the_definition(level):
    assert decibels(10 ** (level / 20)) == pytest.approx(level, abs=1e-9)


def test_silence_is_90_decibels_below_full_scale():
    assert 10 * math.log10(SILENCE) == pytest.approx(-95)
    assert is_silent(0)
    assert is_silent(SILENCE)
    assert not is_silent(SILENCE * 1.001)


def test_dither_of_16_bits_is_silent_and_quiet_music_is_not():
    near_silence = np.full((100_000, 2), 1e-9, np.float32)  # exact zeros would not be dithered
    dithered = Quantiser(16)(near_silence) / 2**15
    assert is_silent(float(np.square(dithered).mean()))
    music = 10 ** (-80 / 20) * np.sin(np.arange(100_000))
    assert not is_silent(float(np.square(music).mean()))
