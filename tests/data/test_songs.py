from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from partita.data import find_songs
from partita.data.cache import cache_song
from partita.data.excerpts import ExcerptDataset
from partita.errors import AudioError, ConfigError

SOURCES = ("drums", "bass", "other", "vocals")


def make_song(folder, seconds=2.0, stems=SOURCES, rate=44100, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for stem in stems:
        samples = rng.uniform(-0.4, 0.4, (round(seconds * rate), 2))
        soundfile.write(folder / f"{stem}.wav", samples, rate, subtype="FLOAT")
    return folder


def cached(root, tmp_path, sources=SOURCES):
    return [cache_song(song, sources, 2, 44100, tmp_path / "cache") for song in find_songs([root], sources)]


def test_songs_are_found_in_order_with_the_stems_there_are(tmp_path):
    make_song(tmp_path / "b")
    make_song(tmp_path / "a", stems=("vocals",))
    (tmp_path / "a" / "mixture.wav").touch()
    (tmp_path / ".partial").mkdir()
    (tmp_path / "empty").mkdir()
    songs = find_songs([tmp_path], SOURCES)
    assert [song.name for song in songs] == ["a", "b"]
    assert list(songs[0].stems) == ["vocals"]


def test_a_stem_in_two_formats_is_refused(tmp_path):
    make_song(tmp_path / "a")
    (tmp_path / "a" / "drums.mp3").touch()
    with pytest.raises(ConfigError, match=r"drums\.mp3 and drums\.wav"):
        find_songs([tmp_path], SOURCES)


@pytest.mark.parametrize("name", ["missing", "hollow"])
def test_a_root_without_songs_is_refused(tmp_path, name):
    (tmp_path / "hollow").mkdir()
    with pytest.raises(AudioError, match=name):
        find_songs([tmp_path / name], SOURCES)


def test_the_cache_holds_the_stems(tmp_path):
    folder = make_song(tmp_path / "songs" / "a", stems=("drums", "vocals"))
    (song,) = cached(tmp_path / "songs", tmp_path)
    expected = soundfile.read(folder / "vocals.wav", dtype="float32")[0].T
    np.testing.assert_allclose(song.excerpt(3, 0, song.samples), expected, atol=song.gain)
    assert not song.excerpt(1, 0, song.samples).any()  # a missing stem is silence
    mono = sum(soundfile.read(folder / f"{s}.wav")[0] for s in ("drums", "vocals")).mean(1)
    assert song.mean == pytest.approx(mono.mean(), abs=1e-6)
    assert song.deviation == pytest.approx(mono.std(), rel=1e-5)


def test_excerpts_outside_the_song_are_silent(tmp_path):
    make_song(tmp_path / "songs" / "a", seconds=0.1)
    (song,) = cached(tmp_path / "songs", tmp_path)
    excerpt = song.excerpt(0, -100, song.samples + 300)
    assert not excerpt[:, :100].any()
    assert not excerpt[:, -200:].any()
    np.testing.assert_array_equal(excerpt[:, 100:-200], song.excerpt(0, 0, song.samples))


def test_an_entry_is_decoded_once_and_again_when_a_file_changes(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    cached(tmp_path / "songs", tmp_path)
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    cached(tmp_path / "songs", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == first
    soundfile.write(folder / "drums.wav", np.zeros((88200, 2)), 44100, subtype="PCM_16")
    (song,) = cached(tmp_path / "songs", tmp_path)
    assert not song.stems[0].any()


def test_stems_of_different_lengths_are_refused(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    soundfile.write(folder / "bass.wav", np.zeros((1000, 2)), 44100)
    with pytest.raises(AudioError, match="a: its stems differ in length"):
        cached(tmp_path / "songs", tmp_path)


def test_an_excerpt_is_known_by_seed_and_index(tmp_path):
    for index in range(3):
        make_song(tmp_path / "songs" / str(index), seed=index)
    songs = cached(tmp_path / "songs", tmp_path)
    options = {"samples": 5000, "length": 20}
    one, again = (ExcerptDataset(songs, seed=1, **options) for _ in range(2))
    other = ExcerptDataset(songs, seed=2, **options)
    for index in range(5):
        assert one[index].shape == (4, 2, 5000)
        assert torch.equal(one[index], again[index])
        assert not torch.equal(one[index], other[index])


def test_excerpts_are_normalised_by_their_song(tmp_path):
    make_song(tmp_path / "songs" / "a")
    songs = cached(tmp_path / "songs", tmp_path)
    mixture = ExcerptDataset(songs, samples=80000, length=1, seed=0)[0].sum(0).mean(0)
    assert mixture.std().item() == pytest.approx(1, abs=0.05)


def test_weights_draw_some_songs_more_often(tmp_path):
    for index, name in enumerate(("rare", "often")):
        make_song(tmp_path / "songs" / name, seed=index, stems=("drums",) if index else ("bass",))
    songs = cached(tmp_path / "songs", tmp_path)  # often (drums), rare (bass)
    excerpts = ExcerptDataset(songs, samples=100, length=400, seed=0, weights=[3.0, 1.0])
    drums = sum(bool(excerpts[index][0].any()) for index in range(400))
    assert 260 < drums < 340
