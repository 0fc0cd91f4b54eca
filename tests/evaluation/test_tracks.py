from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.audio import Source
from partita.data import Song, find_songs
from partita.errors import AudioError
from partita.evaluation.tracks import SumOfStems, decode_stems, keep_on_disk, open_track

RATE = 8000
RNG = np.random.default_rng(0)
STEMS = {name: RNG.uniform(-0.3, 0.3, (2, 1000)).astype(np.float32) for name in ("drums", "vocals")}


@pytest.fixture
def song(tmp_path, write_songs):
    """A song with its stems as float files."""
    (found,) = find_songs([write_songs(tmp_path / "songs", {"song": STEMS})])
    return found


def test_stems_are_read_from_disk_when_they_are_sliced(song):
    stems, rate = decode_stems(song, ["vocals", "drums"])
    expected = np.stack([STEMS["vocals"], STEMS["drums"]])
    assert (stems.shape, rate) == ((2, 2, 1000), RATE)
    np.testing.assert_array_equal(stems[:, :, :], expected)
    np.testing.assert_array_equal(stems[1:2, :, 990:1200], expected[1:2, :, 990:])
    np.testing.assert_array_equal(stems[:, 1:, 3:5], expected[:, 1:, 3:5])


def test_the_mixture_is_the_sum_of_the_stems(song):
    track = open_track(song, ("drums", "vocals"))
    np.testing.assert_allclose(track.mixture[:, :], sum(STEMS.values()), atol=1e-7)
    assert (track.name, track.sources, track.sample_rate) == ("song", ("drums", "vocals"), RATE)


def test_stems_that_are_not_scored_belong_to_the_mixture(song):
    track = open_track(song, ("vocals",))
    np.testing.assert_allclose(track.mixture[:, :], sum(STEMS.values()), atol=1e-7)
    np.testing.assert_array_equal(track.references[:, :, :], [STEMS["vocals"]])
    np.testing.assert_array_equal(track.stems[:, :, :], [STEMS["vocals"], STEMS["drums"]])


@pytest.mark.usefixtures("song")
def test_a_recorded_mixture_takes_the_place_of_the_sum(tmp_path):
    recorded = 0.5 * sum(STEMS.values())
    soundfile.write(tmp_path / "songs" / "song" / "mixture.wav", recorded.T, RATE, subtype="FLOAT")
    (again,) = find_songs([tmp_path / "songs"])
    np.testing.assert_allclose(open_track(again, ("drums",)).mixture[:, :], recorded, atol=1e-7)


@pytest.mark.usefixtures("song")
def test_a_recorded_mixture_of_another_length(tmp_path):
    soundfile.write(tmp_path / "songs" / "song" / "mixture.wav", np.zeros((999, 2)), RATE)
    (again,) = find_songs([tmp_path / "songs"])
    with pytest.raises(AudioError, match=r"mixture.wav: has \(2, 999\).*its stems have \(2, 1000\)"):
        open_track(again, ("drums",))


def test_a_mixture_is_a_source_of_blocks():
    stems = np.arange(24.0, dtype=np.float32).reshape(2, 2, 6)
    mixture = SumOfStems(stems, RATE)
    assert isinstance(mixture, Source)
    blocks = list(mixture.blocks(4))
    assert [block.shape for block in blocks] == [(2, 4), (2, 2)]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), stems.sum(0))


def test_blocks_on_disk_are_joined():
    blocks = [np.full((3, length), length, np.float32) for length in (5, 0, 2)]
    kept = keep_on_disk(iter(blocks), 3)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, np.concatenate(blocks, axis=1))


def test_lossy_stems_are_rounded_to_16_bits_and_lossless_ones_are_not(tmp_path):
    samples = 0.1 * RNG.standard_normal((8000, 2))
    for name, options in (("drums.wav", {"subtype": "FLOAT"}), ("vocals.ogg", {"format": "OGG", "subtype": "VORBIS"})):
        soundfile.write(tmp_path / name, samples, 44100, **options)
    song = Song("song", {"drums": tmp_path / "drums.wav", "vocals": tmp_path / "vocals.ogg"})
    for name, rounded in (("drums", False), ("vocals", True)):
        stems, _ = decode_stems(song, [name])
        steps = stems[:, :, :].astype(np.float64) * 32768
        assert np.array_equal(steps, np.rint(steps)) is rounded


def test_a_missing_stem_is_named(song):
    with pytest.raises(AudioError, match=r"song/bass.wav: missing, in any format; leave bass out of --sources"):
        decode_stems(song, ["drums", "bass"])


def test_empty_stems(tmp_path, write_songs):
    (song,) = find_songs([write_songs(tmp_path, {"song": {"drums": np.zeros((2, 0))}})])
    with pytest.raises(AudioError, match="song: its stems are empty"):
        decode_stems(song, ["drums"])
