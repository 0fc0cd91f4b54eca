from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile

from partita.data import find_songs
from partita.data.cache import cache_song, cache_songs
from partita.errors import AudioError
from tests.data.test_songs import SOURCES, make_song


def cached(root, tmp_path, sources=SOURCES):
    return [cache_song(song, sources, 2, 44100, tmp_path / "cache") for song in find_songs([root], sources)]


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_cache_holds_the_stems(tmp_path):
    folder = make_song(tmp_path / "songs" / "a", stems=("drums", "vocals"))
    (song,) = cached(tmp_path / "songs", tmp_path)
    stems = song.read()
    assert stems.shape == (4, 2, 88200)
    assert stems.dtype == np.float32
    for index, name in ((0, "drums"), (3, "vocals")):
        expected = soundfile.read(folder / f"{name}.wav", dtype="float32")[0].T
        np.testing.assert_allclose(stems[index], expected, atol=0.51 * song.gains[index])
    assert not stems[1:3].any()  # a missing stem is silence
    mono = sum(soundfile.read(folder / f"{s}.wav")[0] for s in ("drums", "vocals")).mean(1)
    assert song.deviation == pytest.approx(mono.std(), rel=1e-5)


def test_a_quiet_stem_keeps_its_precision_and_a_loud_one_its_peaks(tmp_path):
    folder = make_song(tmp_path / "songs" / "a", stems=("bass",))
    rng = np.random.default_rng(0)
    quiet, loud = (level * rng.uniform(-1, 1, (88200, 2)).astype(np.float32) for level in (1e-4, 3.0))
    soundfile.write(folder / "bass.wav", quiet, 44100, subtype="FLOAT")
    soundfile.write(folder / "drums.wav", loud, 44100, subtype="FLOAT")
    (song,) = cached(tmp_path / "songs", tmp_path)
    np.testing.assert_allclose(song.read()[1], quiet.T, atol=2e-9)
    np.testing.assert_allclose(song.read()[0], loud.T, atol=6e-5)


def test_excerpts_outside_the_song_are_silent(tmp_path):
    make_song(tmp_path / "songs" / "a", seconds=0.1)
    (song,) = cached(tmp_path / "songs", tmp_path)
    excerpt = song.read(-100, song.samples + 300)
    assert not excerpt[..., :100].any()
    assert not excerpt[..., -200:].any()
    np.testing.assert_array_equal(excerpt[..., 100:-200], song.read())
    np.testing.assert_array_equal(song.read(1000), song.read()[..., 1000:])
    assert not song.read(song.samples + 5, 10).any()
    assert not song.read(-20, 10).any()


def test_a_song_is_pickled_without_its_samples(tmp_path):
    make_song(tmp_path / "songs" / "a")
    (song,) = cached(tmp_path / "songs", tmp_path)
    samples = song.read()
    sent = pickle.dumps(song)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent).read(), samples)


def test_a_song_is_decoded_once_and_again_when_a_file_changes(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    cached(tmp_path / "songs", tmp_path)
    first = times(tmp_path / "cache")
    cached(tmp_path / "songs", tmp_path)
    assert times(tmp_path / "cache") == first
    soundfile.write(folder / "drums.wav", np.zeros((88200, 2)), 44100, subtype="PCM_16")
    (song,) = cached(tmp_path / "songs", tmp_path)
    assert not song.read()[0].any()


def test_stems_are_resampled_and_remixed(tmp_path):
    make_song(tmp_path / "songs" / "a", rate=48000, seconds=1.0)
    (song,) = find_songs([tmp_path / "songs"], SOURCES)
    assert cache_song(song, SOURCES, 1, 44100, tmp_path / "cache").read().shape == (4, 1, 44100)


def test_stems_that_differ_slightly_in_length_are_cut(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    soundfile.write(folder / "bass.wav", np.full((86000, 2), 0.25), 44100)
    (song,) = cached(tmp_path / "songs", tmp_path)
    assert song.samples == 86000
    np.testing.assert_allclose(song.read()[1], 0.25, rtol=1e-4)


def test_stems_of_different_lengths_are_refused(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    soundfile.write(folder / "bass.wav", np.zeros((1000, 2)), 44100)
    with pytest.raises(AudioError, match="a: its stems differ in length"):
        cached(tmp_path / "songs", tmp_path)


def test_a_song_without_samples_is_refused(tmp_path):
    folder = make_song(tmp_path / "songs" / "a")
    for name in SOURCES:
        soundfile.write(folder / f"{name}.wav", np.zeros((0, 2)), 44100)
    with pytest.raises(AudioError, match="a: has no samples in any of drums, bass, other, vocals"):
        cached(tmp_path / "songs", tmp_path)


def corrupt_b(root):
    """Make songs a, b and c: b has a text file for a stem, c a truncated stem."""
    for seed, name in enumerate("abc"):
        make_song(root / name, seconds=0.5, seed=seed)
    (root / "b" / "bass.wav").write_text("no audio")
    cut = root / "c" / "vocals.wav"
    cut.write_bytes(cut.read_bytes()[:100_000])
    return find_songs([root], SOURCES)


def test_corrupt_songs_are_named_and_left_out(tmp_path):
    songs = corrupt_b(tmp_path / "songs")
    steps = []
    good, problems = cache_songs(
        songs, SOURCES, 2, 44100, tmp_path / "cache", jobs=2, progress=lambda *step: steps.append(step)
    )
    assert [song.name for song in good] == ["a"]
    assert str(problems[0]).startswith("b: ")
    assert "bass.wav" in str(problems[0])
    assert str(problems[1]).startswith("c: ")
    assert "ends early" in str(problems[1])
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_caching_resumes(tmp_path):
    songs = corrupt_b(tmp_path / "songs")
    cache_song(songs[0], SOURCES, 2, 44100, tmp_path / "cache")
    first = times(tmp_path / "cache")
    good, _ = cache_songs(songs, SOURCES, 2, 44100, tmp_path / "cache")
    assert times(tmp_path / "cache") == first
    np.testing.assert_array_equal(good[0].read(), cache_song(songs[0], SOURCES, 2, 44100, tmp_path / "new").read())


def test_only_corrupt_songs_are_an_error(tmp_path):
    songs = corrupt_b(tmp_path / "songs")[1:]
    with pytest.raises(AudioError, match=r"^[bc]: "):
        cache_songs(songs, SOURCES, 2, 44100, tmp_path / "cache")


def test_a_song_that_vanished_is_named(tmp_path):
    songs = corrupt_b(tmp_path / "songs")
    songs[0].stems["drums"].unlink()
    with pytest.raises(AudioError, match=r"a: .*drums\.wav: No such file"):
        cache_song(songs[0], SOURCES, 2, 44100, tmp_path / "cache")


def test_a_full_disk_is_an_output_error_and_leaves_no_files(tmp_path):
    """Simulated by a process that may write files of at most 100 kB."""
    make_song(tmp_path / "songs" / "a")
    code = f"""
        import resource
        from pathlib import Path
        from partita.data import find_songs
        from partita.data.cache import cache_songs
        from partita.errors import OutputError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        songs = find_songs([Path({str(tmp_path / "songs")!r})])
        try:
            cache_songs(songs, {SOURCES!r}, 2, 44100, Path({str(tmp_path / "cache")!r}))
        except OutputError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.startswith(str(tmp_path / "cache"))
    assert "File too large; free some space or choose" in result.stdout
    assert list((tmp_path / "cache").iterdir()) == []
