"""Songs on disk, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from partita.cli import app
from partita.errors import OutputError
from partita_songbook import arrange, render
from partita_songbook.library import Library
from partita_songbook.mixing import STEMS
from tones import RATE

SECONDS = 4.0


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


def test_what_is_written_is_the_song(library, tmp_path):
    song = arrange.arrange(library, 1, 0, seconds=2.0)
    render.write_song(song, tmp_path / "s")
    for stem in STEMS:
        read, _ = soundfile.read(tmp_path / "s" / f"{stem}.flac")
        assert np.abs(read.T - song.stems[stem]).max() < 2 / 32768


def test_an_interrupted_song_leaves_no_folder(library, tmp_path, monkeypatch):
    song = arrange.arrange(library, 1, 0, seconds=2.0)
    monkeypatch.setattr(soundfile, "write", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OutputError, match="disk full"):
        render.write_song(song, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_several_processes_write_the_same_songs(tmp_path):
    library = Library()  # what has been replaced here would not reach them
    one = sorted(render.render_songs(library, tmp_path / "one", range(2), 5, seconds=2.0))
    two = sorted(render.render_songs(library, tmp_path / "two", range(2), 5, seconds=2.0, jobs=2))
    assert [path.name for path in one] == [path.name for path in two] == ["song-5-0000", "song-5-0001"]
    for first, second in zip(one, two, strict=True):
        for stem in STEMS:
            assert (first / f"{stem}.flac").read_bytes() == (second / f"{stem}.flac").read_bytes()


@pytest.mark.usefixtures("bare")
def test_the_command_line(material, tmp_path):
    words = ["songbook", "--songs", "1", "--first", "4", "--seed", "9", "--seconds", "2", "--split", "valid"]
    done = CliRunner().invoke(app, [*words, "--data", str(material), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "out" / "song-9-0004")
    card = json.loads((tmp_path / "out" / "song-9-0004" / "card.json").read_text())
    assert (card["split"], card["index"]) == ("valid", 4)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_broken_file_costs_its_songs_alone(material, tmp_path, jobs):
    (material / "midi/songs/broken.mid").write_text("no")
    words = ["songbook", "--songs", "8", "--seed", "3", "--seconds", "2", "--jobs", jobs, "--data", str(material)]
    done = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out")])
    errors = done.stderr.splitlines()
    written = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("song-")]
    assert done.exit_code == 1
    assert errors
    assert all("broken.mid cannot be read as MIDI" in line for line in errors)
    assert len(written) == 8 - len(errors) > 0
    assert sorted(done.stdout.split()) == sorted(map(str, written))
