from __future__ import annotations

import json
import re

import numpy as np
import pytest
import soundfile

from partita.audio import AudioWriter
from partita.errors import OutputError
from partita_songbook import render
from partita_songbook.library import Library
from partita_songbook.mixing import STEMS
from partita_songbook.song import RenderedSong
from tones import RATE


@pytest.fixture
def song(rng):
    """A second of noise in three stems; vocals are silent."""
    noise = {stem: rng.uniform(-0.3, 0.3, (2, RATE)).astype(np.float32) for stem in STEMS[:3]}
    return RenderedSong({**noise, "vocals": np.zeros((2, RATE), np.float32)}, {"style": "noise"})


def test_songs_are_written_once_and_resumed(library, tmp_path):
    written = list(render.render_songs(library, tmp_path, range(2), 1, seconds=2.0))
    assert [path.name for path in written] == ["song-1-0000", "song-1-0001"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("song")) == [
        "song-1-0000",
        "song-1-0001",
    ]
    assert sorted(path.name for path in written[0].iterdir()) == [
        "bass.flac",
        "card.json",
        "drums.flac",
        "other.flac",
        "vocals.flac",
    ]
    info = soundfile.info(written[0] / "bass.flac")
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 2, 2 * RATE, "PCM_16")
    assert json.loads((written[0] / "card.json").read_text())["seed"] == 1
    (more,) = render.render_songs(library, tmp_path, range(3), 1, seconds=2.0)
    assert more.name == "song-1-0002"


def test_what_is_written_is_the_song(song, tmp_path):
    render.write_song(song, tmp_path / "s")
    for stem in STEMS:
        read, _ = soundfile.read(tmp_path / "s" / f"{stem}.flac")
        error = read.T - song.stems[stem]
        assert np.abs(error).max() <= 1.5 / 32768
        sounding = song.stems[stem] != 0
        if sounding.any():  # TPDF dither and rounding: a variance of a quarter of a step squared
            assert error[sounding].std() * 32768 == pytest.approx(0.5, abs=0.02)
        assert not read.T[~sounding].any()


def test_a_full_disk_is_reported_with_the_final_path_and_leaves_nothing(song, tmp_path, monkeypatch):
    class FullDisk(AudioWriter):
        def write(self, block):
            raise OutputError(f"{self.path}: cannot be written, the disk is full")

    monkeypatch.setattr(render, "AudioWriter", FullDisk)
    with pytest.raises(OutputError, match=re.escape(f"{tmp_path}/out/s/drums.flac: cannot be written")):
        render.write_song(song, tmp_path / "out" / "s")
    assert not list((tmp_path / "out").iterdir())


def test_an_existing_song_is_not_overwritten(song, tmp_path):
    render.write_song(song, tmp_path / "s")
    before = (tmp_path / "s" / "drums.flac").stat().st_mtime_ns
    with pytest.raises(OutputError, match=re.escape(f"{tmp_path}/s: ")):
        render.write_song(song, tmp_path / "s")
    assert (tmp_path / "s" / "drums.flac").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".partita", "s"))] == ["s"]


def test_several_processes_write_the_same_songs(tmp_path):
    library = Library()  # what has been replaced here would not reach them
    one = sorted(render.render_songs(library, tmp_path / "one", range(2), 5, seconds=2.0))
    two = sorted(render.render_songs(library, tmp_path / "two", range(2), 5, seconds=2.0, jobs=2))
    assert [path.name for path in one] == [path.name for path in two] == ["song-5-0000", "song-5-0001"]
    for first, second in zip(one, two, strict=True):
        for stem in STEMS:
            assert (first / f"{stem}.flac").read_bytes() == (second / f"{stem}.flac").read_bytes()
