from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.compat.demucs.tracks import prevent_clip, read_track, resampled, write_track
from partita.errors import AudioError, ConfigError


def test_a_part_at_another_rate_and_in_mono(song, noise):
    np.testing.assert_array_equal(read_track(song), noise)
    part = read_track(song, seek_time=1, duration=0.5)
    np.testing.assert_array_equal(part, noise[:, 44100:66150])
    assert read_track(song, sample_rate=48000, channels=1).shape == (1, 144000)


def test_a_file_without_audio(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(AudioError, match=r"notes.txt"):
        read_track(tmp_path / "notes.txt")


@pytest.mark.parametrize("samples", [0, 1, 44100, 44101])
def test_lengths_are_rounded_down(samples):
    assert resampled(np.zeros((2, samples), np.float32), 44100, 48000).shape == (2, samples * 48000 // 44100)


def test_a_resampled_tone_keeps_its_frequency():
    time = np.arange(44100, dtype=np.float64) / 44100
    tone = np.sin(2 * np.pi * 440 * time)[None].astype(np.float32)
    expected = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    np.testing.assert_allclose(resampled(tone, 44100, 22050)[0, 500:-500], expected[500:-500], atol=1e-3)


def test_clipping_is_prevented():
    loud = np.array([[-4.0, 2.0, 0.5]], np.float32)
    np.testing.assert_allclose(prevent_clip(loud), loud / 4.04)
    np.testing.assert_array_equal(prevent_clip(loud / 8), loud / 8)
    np.testing.assert_array_equal(prevent_clip(loud[:, :0]), loud[:, :0])
    np.testing.assert_allclose(prevent_clip(loud, "clamp"), [[-0.99, 0.99, 0.5]])
    np.testing.assert_allclose(prevent_clip(loud, "tanh"), np.tanh(loud))
    assert prevent_clip(loud, "none") is prevent_clip(loud, None) is loud
    with pytest.raises(ConfigError, match="clip: 'soft' is not one of"):
        prevent_clip(loud, "soft")


@pytest.mark.parametrize(
    ("name", "bits", "subtype"),
    [
        ("a.wav", "16", "PCM_16"),
        ("a.WAV", "24", "PCM_24"),
        ("a.wav", "32f", "FLOAT"),
        ("a.flac", "24", "PCM_24"),
        ("a.flac", "32f", "PCM_24"),
    ],
)
def test_formats(tmp_path, noise, name, bits, subtype):
    write_track(noise, tmp_path / "folder" / name, 44100, bits=bits)
    info = soundfile.info(tmp_path / "folder" / name)
    assert (info.subtype, info.frames, info.samplerate) == (subtype, noise.shape[1], 44100)
    np.testing.assert_allclose(soundfile.read(tmp_path / "folder" / name)[0].T, noise, atol=1e-4)


def test_mp3_has_the_bit_rate(tmp_path, noise):
    for bitrate in (128, 320):
        write_track(noise, tmp_path / f"{bitrate}.mp3", 44100, bitrate=bitrate)
    sizes = [(tmp_path / f"{bitrate}.mp3").stat().st_size for bitrate in (128, 320)]
    assert sizes[1] / sizes[0] == pytest.approx(2.5, rel=0.05)


def test_an_unknown_suffix(tmp_path, noise):
    with pytest.raises(ConfigError, match=r"path: the suffix of .*a.aac is not one of wav, flac"):
        write_track(noise, tmp_path / "a.aac", 44100)
