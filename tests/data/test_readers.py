from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from partita.audio import AudioReader
from partita.data import Song, find_songs, open_stem, song_seconds
from partita.errors import AudioError
from tests.data.conftest import RATE, chord, write_stem_mp4


def read(reader, size=65536):
    return np.concatenate(list(reader.blocks(size)), axis=1)


def write(path, samples, rate=RATE):
    soundfile.write(path, np.atleast_2d(samples).T, rate, subtype="FLOAT")
    return path


def test_each_stream_of_a_stem_mp4_is_its_stem(musdb_song):
    path, stems = musdb_song
    (song,) = find_songs([path.parent])
    for name, expected in {**stems, "mixture": sum(stems.values())}.items():
        reader = open_stem(song, name)
        assert (reader.sample_rate, reader.channels) == (RATE, 2)
        samples = read(reader)
        assert abs(samples.shape[1] - expected.shape[1]) <= 1024
        difference = samples[:, 2048:60000] - expected[:, 2048:60000]  # small only if both are aligned
        assert (difference**2).sum() < 1e-3 * (expected[:, 2048:60000] ** 2).sum(), name


def test_blocks_of_a_stream_have_the_requested_size(musdb_song):
    path, _ = musdb_song
    (song,) = find_songs([path.parent])
    reader = open_stem(song, "vocals", channels=1)
    whole = read(reader)
    sizes = [block.shape for block in reader.blocks(5000)]
    assert set(sizes[:-1]) == {(1, 5000)}
    np.testing.assert_array_equal(read(reader, 5000), whole)
    np.testing.assert_allclose(whole, read(open_stem(song, "vocals")).mean(0, keepdims=True), atol=1e-7)


def test_a_stem_mp4_needs_all_streams(tmp_path):
    write_stem_mp4(tmp_path / "a.stem.mp4", [chord(0.1, 100)] * 2)
    (song,) = find_songs([tmp_path])
    with pytest.raises(AudioError, match=r"a\.stem\.mp4: has 2 audio streams; expected mixture, drums"):
        open_stem(song, "drums")


def test_a_broken_stem_mp4_is_an_audio_error(musdb_song):
    path, _ = musdb_song
    path.write_bytes(path.read_bytes()[:5000])
    (song,) = find_songs([path.parent])
    with pytest.raises(AudioError, match=r"Song\.stem\.mp4: .* get a"):
        read(open_stem(song, "drums"))


@pytest.mark.parametrize("size", [100, 1000, 65536])
def test_parts_are_summed_and_the_shorter_ones_end_in_silence(tmp_path, size):
    rng = np.random.default_rng(0)
    parts = [rng.uniform(-0.1, 0.1, (2, length)).astype(np.float32) for length in (1000, 2500, 2000)]
    files = [write(tmp_path / f"{index}.wav", part) for index, part in enumerate(parts)]
    song = Song("a", {"drums": files[0]}, parts={"drums": tuple(files[1:])})
    expected = sum(np.pad(part, ((0, 0), (0, 2500 - part.shape[1]))) for part in parts)
    np.testing.assert_allclose(read(open_stem(song, "drums"), size), expected, atol=1e-7)


def test_mono_parts_are_added_to_stereo_ones(tmp_path):
    mono, stereo = np.full((1, 100), 0.25, np.float32), np.stack([np.full(100, 0.5), np.zeros(100)]).astype(np.float32)
    files = [write(tmp_path / "mono.wav", mono), write(tmp_path / "stereo.wav", stereo)]
    reader = open_stem(Song("a", {"drums": files[0]}, parts={"drums": (files[1],)}), "drums")
    assert reader.channels == 2
    np.testing.assert_array_equal(read(reader), mono + stereo)


def test_parts_of_other_sample_rates_are_refused(tmp_path):
    files = [write(tmp_path / "a.wav", np.zeros(100)), write(tmp_path / "b.wav", np.zeros(100), 48000)]
    with pytest.raises(AudioError, match=r"b\.wav: its sample rate is 48000 Hz, that of a\.wav is 44100 Hz"):
        open_stem(Song("a", {"drums": files[0]}, parts={"drums": (files[1],)}), "drums")


def test_warnings_of_the_parts_are_kept(tmp_path):
    path = write(tmp_path / "cut.wav", np.full((2, 44100), 0.1))
    path.write_bytes(path.read_bytes()[:100_000])
    other = write(tmp_path / "whole.wav", np.full((2, 44100), 0.1))
    reader = open_stem(Song("a", {"drums": other}, parts={"drums": (path,)}), "drums")
    read(reader)
    (warning,) = reader.warnings
    assert "cut.wav" in warning


def test_the_length_of_a_song_comes_from_its_header(tmp_path):
    path = write(tmp_path / "cut.wav", np.full((2, RATE), 0.1))
    path.write_bytes(path.read_bytes()[:100_000])  # nothing is decoded, or this would be shorter
    assert song_seconds(Song("a", {"drums": path})) == pytest.approx(1, abs=1e-3)


def test_the_length_of_a_stem_mp4(musdb_song):
    path, stems = musdb_song
    (song,) = find_songs([path.parent])
    assert song_seconds(song) == pytest.approx(stems["drums"].shape[1] / RATE, abs=0.05)


def test_a_length_that_no_header_states_is_counted(tmp_path):
    aac = tmp_path / "drums.aac"
    with av.open(str(aac), "w", format="adts") as output:
        track = output.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(chord(0.5, 440)[:, :1024].copy(), format="fltp", layout="stereo")
        for index in range(40):
            frame.sample_rate, frame.pts = RATE, 1024 * index
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    assert AudioReader(aac).frames_declared is None
    assert song_seconds(Song("a", {"drums": aac})) == pytest.approx(40 * 1024 / RATE, abs=0.05)


def test_the_length_of_an_unreadable_song_is_an_error(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav"):
        song_seconds(Song("a", {"drums": tmp_path / "gone.wav"}))
