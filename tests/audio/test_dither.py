from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio.dither import quantise


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_constant_between_two_steps_keeps_its_mean():
    """Without dither 0.3 steps would be silence."""
    steps = quantise(np.full((200_000, 1), 0.3 / 2**15, np.float32), 16, generator())
    assert set(np.unique(steps)) == {-1, 0, 1}
    assert steps.mean() == pytest.approx(0.3, abs=0.01)


def test_the_error_knows_nothing_of_the_signal():
    signal = 2.2 / 2**15 * np.sin(2 * np.pi * np.arange(200_000) / 100.7)[:, None]
    steps = quantise(signal.astype(np.float32), 16, generator())
    error = steps - signal * 2**15
    assert error.mean() == pytest.approx(0, abs=0.01)
    assert np.corrcoef(error.ravel(), signal.ravel())[0, 1] == pytest.approx(0, abs=0.01)
    assert error.std() == pytest.approx(0.5, abs=0.01)  # 1/12 of rounding and 2/12 of TPDF, whatever the signal
    spectrum = np.abs(np.fft.rfft(error.ravel()))
    assert spectrum.max() < 6 * spectrum.mean()  # no harmonics


def test_channels_get_noise_of_their_own():
    steps = quantise(np.full((100_000, 2), 0.5 / 2**15, np.float32), 16, generator())
    assert np.corrcoef(steps.T)[0, 1] == pytest.approx(0, abs=0.02)


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=50), st.sampled_from([8, 16, 24]))
def test_errors_are_bounded_and_values_clamped(values, bits):
    frames = np.array(values, np.float32)[:, None]
    steps = quantise(frames, bits, generator())
    top = 2 ** (bits - 1)
    assert np.all((-top <= steps) & (steps <= top - 1))
    inside = np.clip(frames.astype(np.float64) * top, -top, top - 1)
    assert np.abs(steps - inside).max() <= 1.5


def test_zeros_stay_zeros():
    frames = np.full((1000, 2), 0.1, np.float32)
    frames[300:700] = 0
    frames[100, 1] = -0.0
    steps = quantise(frames, 16, generator())
    assert not steps[300:700].any()
    assert steps[100, 1] == 0
    assert steps[100, 0] != 0


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_blocks_join_to_what_one_call_gives(sizes):
    frames = np.random.default_rng(1).uniform(-1, 1, (sum(sizes), 2)).astype(np.float32)
    stream, edges = generator(), np.cumsum([0, *sizes])
    parts = [quantise(frames[a:b], 16, stream) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), quantise(frames, 16, generator()))
