from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.audio import ArraySource, AudioReader, Limits, SliceSource, open_source
from partita.audio.limits import checked_block, checked_rate
from partita.errors import AudioError, ConfigError


def write(path, samples=100, rate=44100, channels=1):
    soundfile.write(path, np.zeros((samples, channels)), rate, subtype="PCM_U8")
    return path


def count(reader):
    return sum(block.shape[1] for block in reader.blocks())


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_sample_rates_beyond_the_limits(tmp_path, rate):
    path = write(tmp_path / "song.wav", rate=rate)
    with pytest.raises(AudioError, match=rf"song.wav: its sample rate is {rate} Hz, and 1000 to 768000 Hz"):
        AudioReader(path)
    assert AudioReader(path, limits=Limits(min_rate=1, max_rate=2**31)).sample_rate == rate


def test_more_channels_than_the_limit(tmp_path):
    path = write(tmp_path / "song.wav", channels=65)
    with pytest.raises(AudioError, match=r"song.wav: it has 65 channels, and up to 64 are accepted"):
        AudioReader(path, None)
    assert AudioReader(path, None, limits=Limits(channels=65)).channels == 65


def test_files_longer_than_the_limit(tmp_path):
    reader = AudioReader(write(tmp_path / "song.wav", 2 * 8000, 8000), limits=Limits(hours=1 / 3600))
    with pytest.raises(AudioError, match=r"song.wav: it is longer than 0.000277778 hours"):
        count(reader)
    long = AudioReader(write(tmp_path / "long.wav", 200_000, 8000), limits=Limits(hours=20 / 3600))
    assert count(SliceSource(long, 1.0, 5.0)) == 5 * 8000  # a part of it may be read
    assert count(open_source(tmp_path / "song.wav", limits=Limits(hours=2 / 3600))) == 2 * 8000


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "1"])
def test_limits_that_are_invalid(value):
    with pytest.raises(ConfigError, match="limits: hours must be more than 0"):
        Limits(hours=value)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 10**15, -1, 0, 44100.0, True, np.True_, "44100", None])
def test_sample_rates_that_are_invalid(rate):
    with pytest.raises(ConfigError, match="sample_rate: must be a whole number of Hz from 1 to 768000"):
        checked_rate(rate)
    assert checked_rate(np.int64(8000)) == 8000


@pytest.mark.parametrize("size", [0, -1, 2**24 + 1, 1.0, True, None])
def test_lengths_of_blocks_that_are_invalid(tmp_path, size):
    with pytest.raises(ConfigError, match="size: must be a whole number of samples from 1 to 16777216"):
        checked_block(size)
    reader = AudioReader(write(tmp_path / "song.wav"))
    for source in (reader, ArraySource(np.zeros(8, np.float32), 8000), SliceSource(reader, 0)):
        with pytest.raises(ConfigError):
            list(source.blocks(size))
