from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from partita.audio import AudioReader, remix
from partita.audio.channels import mixing_matrix
from partita.errors import AudioError, ConfigError

RATE = 48000
H = 0.5**0.5

# speaker -> what of it arrives left and right, by ITU-R BS.775
WEIGHTS = {
    "FL": (1, 0),
    "FR": (0, 1),
    "FC": (H, H),
    "LFE": (0, 0),
    "BL": (H, 0),
    "BR": (0, H),
    "SL": (H, 0),
    "SR": (0, H),
    "BC": (0.5, 0.5),
}
TONES = {
    "FL": 300,
    "FR": 500,
    "FC": 900,
    "LFE": 60,
    "BL": 1500,
    "BR": 2100,
    "SL": 2700,
    "SR": 3300,
    "BC": 3900,
}

# layout (FFmpeg's name) -> its speakers in the order of WAV
LAYOUTS = {
    "3.0": "FL FR FC",
    "2.1": "FL FR LFE",
    "quad": "FL FR BL BR",
    "4.0": "FL FR FC BC",
    "5.0": "FL FR FC BL BR",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.1": "FL FR FC LFE BC SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
}
VORBIS = {
    3: "FL FC FR",
    5: "FL FC FR BL BR",
    6: "FL FC FR BL BR LFE",
    7: "FL FC FR SL SR BC LFE",
    8: "FL FC FR SL SR BL BR LFE",
}


def tones(speakers: list[str]) -> np.ndarray:
    """Return a second in which every speaker plays its own tone, ``(speakers, samples)``."""
    time = np.arange(RATE) / RATE
    return np.stack([0.1 * np.sin(2 * np.pi * TONES[name] * time) for name in speakers]).astype(np.float32)


def loudness(channel: np.ndarray, speaker: str) -> float:
    """Return how much of a speaker's tone a channel holds, as a factor."""
    middle = channel[RATE // 4 : RATE * 3 // 4]
    wave = np.exp(-2j * np.pi * TONES[speaker] * np.arange(middle.size) / RATE)
    return float(abs((middle * wave).mean()) * 2 / 0.1)


def assert_downmix(path, speakers: list[str], tolerance: float) -> None:
    reader = AudioReader(path, 2)
    assert reader.native_channels == len(speakers)
    left, right = np.concatenate(list(reader.blocks()), axis=1)
    assert reader.warnings == []
    for name in speakers:
        heard = loudness(left, name), loudness(right, name)
        assert heard == pytest.approx(WEIGHTS[name], abs=tolerance), name


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("suffix", "codec"), [("wav", "pcm_s16le"), ("wav", "pcm_f32le"), ("flac", "flac"), ("mka", "flac")]
)
def test_every_speaker_of_every_layout(layout, suffix, codec, write_av):
    speakers = LAYOUTS[layout].split()
    path = write_av(f"song.{suffix}", tones(speakers), RATE, codec, layout=layout)
    assert_downmix(path, speakers, 1e-3)


@pytest.mark.parametrize("layout", ["3.0", "5.0", "5.1", "7.1"])
def test_aac(layout, write_av):
    speakers = LAYOUTS[layout].split()
    assert_downmix(write_av("song.m4a", tones(speakers), RATE, "aac", layout=layout), speakers, 0.03)


@pytest.mark.parametrize("layout", ["3.0", "quad(side)", "5.1(side)"])
def test_ac3(layout, write_av):
    speakers = LAYOUTS.get(layout, "FL FR SL SR").split()
    assert_downmix(write_av("song.ac3", tones(speakers), RATE, "ac3", layout=layout), speakers, 0.03)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("channels", VORBIS)
def test_ogg_has_an_order_of_its_own(channels, subtype, tmp_path):
    speakers = VORBIS[channels].split()
    path = tmp_path / "song.ogg"
    sf.write(path, tones(speakers).T, RATE, format="OGG", subtype=subtype)
    assert_downmix(path, speakers, 0.03)


@pytest.mark.parametrize("layout", ["3.0", "quad", "5.0", "5.1", "6.1", "7.1"])
def test_wav_that_does_not_name_its_speakers(layout, tmp_path):
    speakers = LAYOUTS[layout].split()
    path = tmp_path / "song.wav"
    sf.write(path, tones(speakers).T, RATE, format="WAV")
    assert_downmix(path, speakers, 1e-3)


def test_more_channels_than_any_layout_has(tmp_path):
    path = tmp_path / "twelve.wav"
    sf.write(path, np.zeros((100, 12), np.float32), RATE)
    with pytest.raises(AudioError, match=r"twelve\.wav: the speaker layout of its 12 channels is unknown; mix it"):
        AudioReader(path)
    assert AudioReader(path, None).channels == 12
    assert next(AudioReader(path, None).blocks()).shape == (12, 100)


def test_mono_and_stereo():
    stereo = np.array([[1, 2], [3, 6]], np.float32)
    assert remix(stereo, 2) is stereo
    assert remix(stereo, 1).tolist() == [[2, 4]]
    assert remix(stereo[:1], 2).tolist() == [[1, 2], [1, 2]]
    assert remix(stereo[:1], 1).tolist() == [[1, 2]]
    assert remix(stereo, 1).dtype == np.float32
    assert remix(np.zeros((2, 0), np.float32), 1).shape == (1, 0)


def test_surround_to_mono_is_the_mean_of_its_stereo():
    surround = np.random.default_rng(0).standard_normal((6, 100)).astype(np.float32)
    assert np.allclose(remix(surround, 1), remix(surround, 2).mean(axis=0), atol=1e-6)


def test_a_layout_in_another_order():
    surround = np.random.default_rng(0).standard_normal((6, 100)).astype(np.float32)
    names = LAYOUTS["5.1"].split()
    order = [4, 2, 0, 5, 3, 1]
    shuffled = remix(surround[order], 2, [names[index] for index in order])
    assert np.allclose(shuffled, remix(surround, 2), atol=1e-6)


def test_names_that_mean_nothing_are_ignored():
    assert np.array_equal(mixing_matrix(6, 2, ["NONE"] * 6), mixing_matrix(6, 2))


def test_numbers_of_channels_that_cannot_be_made():
    with pytest.raises(ConfigError, match="channels: 2 channels can be mixed to 2 or 1, not to 6"):
        remix(np.zeros((2, 5), np.float32), 6)
