from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile
import torch

from partita.compat.demucs.audio import AudioFile, convert_audio, convert_audio_channels, prevent_clip, save_audio
from partita.errors import AudioError, ConfigError


@pytest.fixture
def two_streams(tmp_path, noise):
    """A file with two streams: the noise and half of it, in mono."""

    def write(second):
        path = tmp_path / "stems.mka"
        with av.open(str(path), "w") as output:
            streams = [output.add_stream("pcm_f32le", rate=44100, layout="stereo") for _ in range(2)]
            for stream, samples in zip(streams, (noise, second), strict=True):
                frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), "flt", "stereo")
                frame.sample_rate = 44100
                output.mux(stream.encode(frame))
                output.mux(stream.encode(None))
        return AudioFile(path)

    return write


def test_a_file(song, noise):
    file = AudioFile(song)
    assert (len(file), file.channels(), file.samplerate(), file.duration) == (1, 2, 44100, 3.0)
    np.testing.assert_array_equal(file.read(streams=0), noise)
    np.testing.assert_array_equal(file.read(), noise[None])
    np.testing.assert_array_equal(file.read(seek_time=1, duration=1, streams=[0])[0], noise[:, 44100:88200])
    assert file.read(streams=0, samplerate=22050, channels=1).shape == (1, 66150)


def test_streams(two_streams, noise):
    file = two_streams(noise / 2)
    assert len(file) == 2
    assert file.duration == pytest.approx(3)
    np.testing.assert_array_equal(file.read(), np.stack([noise, noise / 2]))
    np.testing.assert_array_equal(file.read(streams=1), noise / 2)
    np.testing.assert_array_equal(file.read(streams=slice(1, 2)), noise[None] / 2)
    with pytest.raises(AudioError, match=r"stems\.mka: its streams differ in length"):
        two_streams(noise[:, :44100]).read()


def test_a_file_that_does_not_state_its_length(tmp_path, noise):
    save_audio(torch.from_numpy(noise), tmp_path / "a.mp3", 44100)
    assert AudioFile(tmp_path / "a.mp3").duration == pytest.approx(3, abs=0.1)


def test_channels(noise):
    wav = torch.from_numpy(noise)
    assert convert_audio_channels(wav) is wav or torch.equal(convert_audio_channels(wav), wav)
    assert torch.equal(convert_audio_channels(wav, 1), wav.mean(0, keepdim=True))
    assert torch.equal(convert_audio_channels(wav[None, :1], 2), wav[None, [0, 0]])
    assert torch.equal(convert_audio_channels(torch.cat([wav, wav])), wav)
    with pytest.raises(ConfigError, match="channels: 2 channels cannot become 4"):
        convert_audio_channels(wav, 4)


def test_rates(noise):
    wav = torch.from_numpy(noise)[None]
    assert convert_audio(wav, 44100, 22050, 1).shape == (1, 1, 66150)
    assert convert_audio(wav.double(), 44100, 48000, 2).dtype == torch.float64
    assert torch.equal(convert_audio(wav, 44100, 44100, 2), wav)


def test_clipping_is_prevented():
    loud = torch.tensor([[-4.0, 2.0]])
    torch.testing.assert_close(prevent_clip(loud), loud / 4.04)
    torch.testing.assert_close(prevent_clip(loud, "clamp"), torch.tensor([[-0.99, 0.99]]))


@pytest.mark.parametrize(
    ("options", "subtype"),
    [
        ({}, "PCM_16"),
        ({"bits_per_sample": 24}, "PCM_24"),
        ({"bits_per_sample": 32}, "FLOAT"),
        ({"as_float": True}, "FLOAT"),
    ],
)
def test_files_are_written(tmp_path, noise, options, subtype):
    save_audio(torch.from_numpy(noise).requires_grad_(), str(tmp_path / "a.wav"), 44100, **options)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype


def test_batches_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"wav: must be \(channels, samples\), not \(1, 2, 9\)"):
        save_audio(torch.zeros(1, 2, 9), tmp_path / "a.wav", 44100)
