from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio.dither import Quantiser


def test_a_constant_between_two_steps_keeps_its_mean():
    """Without dither 0.3 steps would be silence."""
    steps = Quantiser(16)(np.full((200_000, 1), 0.3 / 2**15, np.float32))
    assert set(np.unique(steps)) == {-1, 0, 1}
    assert steps.mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("level", [2.2 / 2**15, 0.7])
@pytest.mark.parametrize("bits", [16, 24])
def test_the_error_is_white_noise_whatever_the_signal(level, bits):
    signal = (level * np.sin(2 * np.pi * np.arange(200_000) / 100.7)).astype(np.float32)
    error = Quantiser(bits)(signal[:, None])[:, 0] - signal.astype(np.float64) * 2 ** (bits - 1)
    assert error.mean() == pytest.approx(0, abs=0.01)
    assert np.corrcoef(error, signal)[0, 1] == pytest.approx(0, abs=0.01)
    assert np.corrcoef(error**2, signal**2)[0, 1] == pytest.approx(0, abs=0.01)
    assert error.std() == pytest.approx(0.5, abs=0.01)  # 1/12 of rounding and 2/12 of TPDF
    spectrum = np.abs(np.fft.rfft(error))
    assert spectrum.max() < 6 * spectrum.mean()  # no harmonics
    assert spectrum[:50_000].mean() == pytest.approx(spectrum[50_000:].mean(), rel=0.02)


def test_the_noise_is_triangular():
    values = np.linspace(-1.5, 1.5, 61, dtype=np.float32)
    steps = Quantiser(16)(np.tile(values / 2**15, (20_000, 1)))
    distances = np.clip(0.5 - values, -1, 1)  # what the noise has to exceed
    expected = np.where(distances >= 0, (1 - distances) ** 2 / 2, 1 - (1 + distances) ** 2 / 2)
    np.testing.assert_allclose((steps >= 1).mean(axis=0)[values != 0], expected[values != 0], atol=0.02)


def test_seeds():
    frames = np.full((1000, 2), 0.1, np.float32)
    assert np.array_equal(Quantiser(16, 1)(frames), Quantiser(16, 1)(frames))
    assert not np.array_equal(Quantiser(16, 1)(frames), Quantiser(16, 2)(frames))


def test_channels_get_noise_of_their_own():
    steps = Quantiser(16)(np.full((100_000, 2), 0.5 / 2**15, np.float32))
    assert np.corrcoef(steps.T)[0, 1] == pytest.approx(0, abs=0.02)


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=50), st.sampled_from([8, 16, 24]))
def test_errors_are_bounded_and_values_clamped(values, bits):
    frames = np.array(values, np.float32)[:, None]
    steps = Quantiser(bits)(frames)
    top = 2 ** (bits - 1)
    assert np.all((-top <= steps) & (steps <= top - 1))
    inside = np.clip(frames.astype(np.float64) * top, -top, top - 1)
    assert np.abs(steps - inside).max() <= 1.5


def test_zeros_stay_zeros():
    frames = np.full((1000, 2), 0.1, np.float32)
    frames[300:700] = 0
    frames[100, 1] = -0.0
    steps = Quantiser(16)(frames)
    assert not steps[300:700].any()
    assert steps[100, 1] == 0
    assert steps[100, 0] != 0


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=8))
def test_blocks_join_to_what_one_call_gives(sizes):
    frames = np.random.default_rng(1).uniform(-1, 1, (sum(sizes), 2)).astype(np.float32)
    quantiser, edges = Quantiser(16), np.cumsum([0, *sizes])
    parts = [quantiser(frames[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), Quantiser(16)(frames))
