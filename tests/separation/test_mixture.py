from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from partita.audio import AudioReader, Spool
from partita.errors import AudioError, ConfigError, OutputError
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


@pytest.fixture
def compressed(tmp_path):
    """An mp3 in stereo of several blocks, which FFmpeg decodes."""
    path = tmp_path / "song.mp3"
    rng = np.random.default_rng(0)
    soundfile.write(path, rng.uniform(-0.5, 0.5, (150_000, 2)), RATE)
    return path


@pytest.fixture
def decodings(monkeypatch):
    """Sources that were decoded, once for each time."""
    found = []
    blocks = AudioReader.blocks

    def counted(self, *arguments, **options):
        found.append(self)
        yield from blocks(self, *arguments, **options)

    monkeypatch.setattr(AudioReader, "blocks", counted)
    return found


def joined(mixture):
    return np.concatenate(list(mixture.blocks()), axis=1)


def test_compressed_files_are_decoded_once(compressed, decodings):
    mixture = open_mixture(compressed, None, 2, 2 * RATE)
    assert mixture.statistics.samples == 2 * mixture.samples
    samples = joined(mixture)
    assert samples.shape == (2, mixture.samples)
    np.testing.assert_array_equal(joined(mixture), samples)
    assert len(decodings) == 1
    expected = np.concatenate(list(AudioReader(compressed).blocks()), axis=1)
    np.testing.assert_array_equal(samples, expected)


def test_wav_files_are_read_again(tmp_path, decodings):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2)), RATE)
    mixture = open_mixture(path, None, 2, RATE)
    assert mixture.samples == 1000
    assert joined(mixture).shape == (2, 1000)
    assert len(decodings) == 2


class Full(Spool):
    """A disk that becomes full."""

    def write(self, block):
        if self.samples:
            raise OutputError("no room")
        super().write(block)


def no_folder(_channels):
    raise OutputError("no room")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Spool", Full), ("Spool", no_folder), ("_LONGEST_SPOOL", 100_000)],
    ids=["full", "none", "long"],
)
def test_without_room_on_the_disk_files_are_decoded_again(compressed, decodings, monkeypatch, name, value):
    monkeypatch.setattr("partita.separation.mixture." + name, value)
    mixture = open_mixture(compressed, None, 2, RATE)
    assert mixture.samples > 140_000
    samples = joined(mixture)
    assert len(decodings) == 2
    expected = np.concatenate(list(AudioReader(compressed).blocks()), axis=1)
    np.testing.assert_array_equal(samples, expected)
    assert mixture.statistics.deviation == pytest.approx(expected.mean(0, dtype=np.float64).std(), rel=1e-6)


@pytest.mark.parametrize("change", [-4096, -8 * 70_000, 4096])
def test_a_file_that_changes_between_its_two_passes(tmp_path, change):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (80_000, 2)), RATE, subtype="FLOAT")
    mixture = open_mixture(path, None, 2, RATE)
    assert mixture.samples == 80_000
    samples = 80_000 + change // 8
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (samples, 2)), RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"song.wav: changed while it was read; wait until it is complete"):
        list(mixture.blocks())


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 10**15, -1, 0, 44100.0, True])
def test_sample_rates_that_are_invalid(rate):
    audio = np.zeros((2, 100), np.float32)
    with pytest.raises(ConfigError, match="sample_rate: must be a whole number"):
        open_mixture(audio, rate, 2, RATE)

    class Hostile:
        sample_rate, channels, warnings = rate, 2, ()

        def blocks(self, size=65536):
            yield audio

    with pytest.raises(ConfigError, match="sample_rate: must be a whole number"):
        open_mixture(Hostile(), None, 2, RATE)


@pytest.mark.parametrize(("start", "duration"), [(float("nan"), None), (-1, None), (1e308, None), ([1], 1)])
def test_parts_that_are_invalid(start, duration):
    for part in ({"start": start, "duration": duration}, {"duration": start}):
        with pytest.raises(ConfigError, match=r"(start|duration): must be"):
            open_mixture(np.zeros((2, 100), np.float32), RATE, 2, RATE, **part)
