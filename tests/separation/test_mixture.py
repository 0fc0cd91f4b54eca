from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import AudioError
from partita.separation.mixture import open_mixture

RATE = 8000


@given(st.integers(1, 5000), st.integers(1, 2), st.floats(-0.5, 0.5), st.floats(0.01, 0.3))
def test_statistics_are_those_of_the_mono_mixture(samples, channels, mean, deviation):
    rng = np.random.default_rng(samples)
    audio = (mean + deviation * rng.standard_normal((channels, samples))).astype(np.float32)
    mixture = open_mixture(audio, RATE, 2, RATE)
    mono = audio.mean(0, dtype=np.float64)
    assert (mixture.samples, mixture.channels) == (samples, channels)
    assert mixture.statistics.mean == pytest.approx(mono.mean(), abs=1e-6)
    assert mixture.statistics.deviation == pytest.approx(mono.std(), abs=1e-6)


def test_a_constant_is_silent():
    assert open_mixture(np.full((2, 100_000), 0.3, np.float32), RATE, 2, RATE).statistics.silent


def test_many_channels_are_mixed_to_those_of_the_model(tmp_path):
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, (1000, 6)), RATE)
    mixture = open_mixture(path, None, 2, RATE)
    assert mixture.channels == 2
    assert next(mixture.blocks()).shape == (2, 1000)
    assert any("6 channels are mixed to stereo" in text for text in mixture.warnings)


def test_a_part_of_the_audio():
    audio = np.arange(4 * RATE, dtype=np.float32)[None] / (4 * RATE)
    mixture = open_mixture(audio, RATE, 2, RATE, start=1.0, duration=0.5)
    assert mixture.seconds == 0.5
    np.testing.assert_array_equal(np.concatenate(list(mixture.blocks()), axis=1), audio[:, RATE : RATE + RATE // 2])
    with pytest.raises(AudioError, match="4"):
        list(open_mixture(audio, RATE, 2, RATE, start=5.0).blocks())


def test_lengths_at_other_rates_are_rounded_up():
    mixture = open_mixture(np.zeros(RATE + 1, np.float32), RATE, 2, RATE)
    assert [mixture.length_at(rate) for rate in (RATE, 2 * RATE, RATE // 2)] == [8001, 16002, 4001]
