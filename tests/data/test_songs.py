from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita.data import find_songs, parse_roots
from partita.errors import AudioError, ConfigError

SOURCES = ("drums", "bass", "other", "vocals")


def make_song(folder, seconds=2.0, stems=SOURCES, rate=44100, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for stem in stems:
        samples = rng.uniform(-0.4, 0.4, (round(seconds * rate), 2))
        soundfile.write(folder / f"{stem}.wav", samples, rate, subtype="FLOAT")
    return folder


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_songs_are_found_in_order_with_their_stems(tmp_path):
    make_song(tmp_path / "b")
    make_song(tmp_path / "a", stems=("vocals",))
    touch(tmp_path / "a" / "mixture.wav")
    touch(tmp_path / ".partial" / "drums.wav")
    (tmp_path / "empty").mkdir()
    songs = find_songs([tmp_path], SOURCES)
    assert [song.name for song in songs] == ["a", "b"]
    assert songs[0].stems == {"vocals": tmp_path / "a" / "vocals.wav"}
    assert [song.mixture for song in songs] == [tmp_path / "a" / "mixture.wav", None]


def test_by_default_every_audio_file_except_the_mixture_is_a_stem(tmp_path):
    for name in ("guitar.flac", "voice.mp3", "mixture.wav", "card.json", "._guitar.flac"):
        touch(tmp_path / "a" / name)
    (song,) = find_songs([tmp_path])
    assert song.stems == {"guitar": tmp_path / "a" / "guitar.flac", "voice": tmp_path / "a" / "voice.mp3"}
    assert song.files("mixture") == (tmp_path / "a" / "mixture.wav",)


def test_songs_remember_their_root(tmp_path):
    touch(tmp_path / "one" / "a" / "drums.wav")
    touch(tmp_path / "two" / "a" / "drums.wav")
    roots = {tmp_path / "two": 3.0, tmp_path / "one": 1.0}
    assert [roots[song.root] for song in find_songs(roots, SOURCES)] == [3.0, 1.0]


def test_a_stem_mp4_is_a_song(tmp_path):
    file = touch(tmp_path / "Artist - Song.stem.mp4")
    touch(tmp_path / "notes.txt")
    (song,) = find_songs([tmp_path], ("vocals", "drums", "piano"))
    assert song.name == "Artist - Song"
    assert song.stems == {"drums": file, "vocals": file}
    assert song.mixture == file


@pytest.mark.parametrize("name", ["drums", "mixture"])
def test_a_stem_in_two_formats_is_refused(tmp_path, name):
    make_song(tmp_path / "a")
    touch(tmp_path / "a" / f"{name}.mp3")
    touch(tmp_path / "a" / f"{name}.wav")
    with pytest.raises(ConfigError, match=rf"{name}\.mp3 and {name}\.wav"):
        find_songs([tmp_path], SOURCES)


@pytest.mark.parametrize("name", ["missing", "hollow"])
def test_a_root_without_songs_is_refused(tmp_path, name):
    (tmp_path / "hollow").mkdir()
    with pytest.raises(AudioError, match=name):
        find_songs([tmp_path / name], SOURCES)


def test_for_a_root_above_the_splits_the_message_names_them(tmp_path):
    touch(tmp_path / "musdb18hq" / "train" / "a" / "drums.wav")
    touch(tmp_path / "musdb18hq" / "test" / "b" / "drums.wav")
    with pytest.raises(AudioError, match=r"test, train in it do; give .*musdb18hq/test"):
        find_songs([tmp_path / "musdb18hq"], SOURCES)


def test_roots_have_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd=2").mkdir()
    roots = parse_roots(["plain", "heavy=2.5", "odd=2", "a=b=0.5"])
    assert {str(path): weight for path, weight in roots.items()} == {"plain": 1, "heavy": 2.5, "odd=2": 1, "a=b": 0.5}


@pytest.mark.parametrize("word", ["a=", "a=none", "a=0", "a=-1", "a=nan", "a=inf"])
def test_a_weight_is_a_positive_number(word):
    with pytest.raises(ConfigError, match="DIR=WEIGHT"):
        parse_roots([word])


def test_a_root_is_given_once():
    with pytest.raises(ConfigError, match="given twice"):
        parse_roots(["a", "a=2"])


def test_a_broken_link_is_an_error(tmp_path):
    touch(tmp_path / "songs" / "here" / "drums.wav")
    (tmp_path / "songs" / "gone").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AudioError, match=r"gone: is a broken link"):
        find_songs([tmp_path / "songs"])
    (tmp_path / "elsewhere").symlink_to(make_song(tmp_path / "moved", seconds=0.1))
    assert [song.name for song in find_songs([tmp_path / "songs"])] == ["gone", "here"]


def test_a_root_that_only_holds_unusable_folders_has_no_songs(tmp_path):
    (tmp_path / "root" / "split").mkdir(parents=True)
    (tmp_path / "root" / "split" / "gone").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AudioError, match=r"no song in it has any of the stems drums, bass, other, vocals; expected"):
        find_songs([tmp_path / "root"], SOURCES)
