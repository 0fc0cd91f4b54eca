from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio import Resampler, resample_blocks

RATES = st.sampled_from([8000, 11025, 22050, 32000, 44100, 48000, 88200, 96000, 192000])
BLOCKS = st.lists(st.integers(0, 3000), max_size=8)


def noise(samples: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(samples).uniform(-1, 1, (channels, samples)).astype(np.float32)


def resample(blocks: list[np.ndarray], rate_in: int, rate_out: int, channels: int = 2) -> np.ndarray:
    nothing = np.zeros((channels, 0), np.float32)
    return np.concatenate([nothing, *resample_blocks(blocks, rate_in, rate_out, channels)], axis=1)


@settings(deadline=None, max_examples=60)
@given(BLOCKS, RATES, RATES, st.integers(1, 3))
def test_blocks_join_to_what_one_call_gives(sizes, rate_in, rate_out, channels):
    whole = noise(sum(sizes), channels)
    edges = np.cumsum([0, *sizes])
    blocks = [whole[:, a:b] for a, b in pairwise(edges)]
    result = resample(blocks, rate_in, rate_out, channels)
    assert result.dtype == np.float32
    if rate_in == rate_out or not whole.size:
        assert np.array_equal(result, whole)
    else:
        assert np.array_equal(result, soxr.resample(whole.T, rate_in, rate_out, "VHQ").T)
        assert abs(result.shape[1] - whole.shape[1] * rate_out / rate_in) <= 0.5


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 20000), RATES, RATES)
def test_there_and_back_keeps_the_length(samples, rate_in, rate_out):
    there = resample([noise(samples)], rate_in, rate_out)
    back = resample([there], rate_out, rate_in)
    # half a sample at the lower rate is lost at most, which is a sample or less at neighbouring rates
    assert abs(back.shape[1] - samples) <= 0.5 * max(1, rate_in / rate_out) + 0.5


def test_there_and_back_keeps_the_sound():
    time = np.arange(44100) / 44100
    source = (np.sin(2 * np.pi * 441 * time) * np.hanning(44100)).astype(np.float32)[None]
    back = resample([resample([source], 44100, 48000, 1)], 48000, 44100, 1)
    assert back.shape == source.shape
    assert np.abs(back - source).max() < 1e-5


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44100, 48000), (48000, 44100), (8000, 44100), (192000, 44100)])
def test_no_delay(rate_in, rate_out):
    def sine(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)[None]

    result = resample([sine(rate_in)], rate_in, rate_out, 1)
    middle = slice(rate_out // 4, rate_out * 3 // 4)
    assert np.abs(result - sine(rate_out))[:, middle].max() < 1e-5


def test_what_the_new_rate_cannot_hold_is_gone():
    high = np.sin(2 * np.pi * 15000 * np.arange(48000) / 48000).astype(np.float32)[None]
    assert np.abs(resample([high], 48000, 22050, 1)[:, 2000:-2000]).max() < 1e-5


def test_equal_rates_pass_blocks_through():
    resampler = Resampler(44100, 44100, 2)
    block = noise(100)
    assert resampler.push(block) is block
    assert resampler.flush().shape == (2, 0)


def test_push_and_flush():
    resampler = Resampler(44100, 48000, 2)
    block = noise(44100)
    blocks = [resampler.push(block[:, :30000]), resampler.push(block[:, 30000:]), resampler.flush()]
    assert all(part.shape[0] == 2 and part.dtype == np.float32 and part.flags.c_contiguous for part in blocks)
    assert sum(part.shape[1] for part in blocks) == 48000


def test_no_empty_blocks():
    blocks = list(resample_blocks([noise(1), noise(0), noise(1)], 192000, 8000, 2))
    assert blocks == []
    assert list(resample_blocks([], 44100, 48000, 2)) == []


def test_a_low_rate_does_not_become_large_blocks():
    """A second of a signal at 100 Hz is a second at 44.1 kHz: a block of usual length would be 29 million."""
    whole = noise(40_000, 1)
    blocks = list(resample_blocks([whole], 100, 44100, 1))
    assert max(block.shape[1] for block in blocks) < 2**21
    assert np.array_equal(np.concatenate(blocks, axis=1), soxr.resample(whole.T, 100, 44100, "VHQ").T)
