"""Whole songs, on material the tests make and with the soundfonts replaced by a tone generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.data.songbook import __main__, arrange, players, render
from partita.data.songbook.library import Library
from partita.data.songbook.midi import Note
from partita.data.songbook.mixing import STEMS, silent
from partita.data.songbook.soundfont import Soundfont
from partita.data.songbook.synth import Patch, perform
from partita.errors import OutputError

from .conftest import RATE, sung

SECONDS = 6.0


@pytest.fixture
def library(material, monkeypatch):
    def play(font, notes, samples, program=0, *, drums=False):  # noqa: ARG001 - as play is called
        return perform(Patch("sine"), notes, samples, np.random.default_rng(0))

    monkeypatch.setattr(players, "play", play)
    monkeypatch.setattr(arrange, "find_soundfonts", lambda: [Soundfont(Path("tone.sf2"), drums_only=False)])
    monkeypatch.setattr(arrange, "find_kits", list)
    return Library.open(material)


def test_songs_of_all_styles(library):
    styles = set()
    for index in range(8):
        song = arrange.arrange(library, 3, index, seconds=SECONDS)
        styles.add(song.card["style"])
        assert tuple(song.stems) == STEMS
        assert all(audio.shape == (2, int(SECONDS * RATE)) for audio in song.stems.values())
        assert all(audio.dtype == np.float32 for audio in song.stems.values())
        assert np.abs(sum(song.stems.values())).max() < 1
        assert song.card["silent"] == [stem for stem in STEMS if silent(song.stems[stem])]
        assert len(song.card["silent"]) < 3
        json.dumps(song.card)
    assert styles == {"electronic", "band", "hybrid"}


def test_the_same_seed_gives_the_same_samples(library):
    one, two, other = (arrange.arrange(library, 1, index, seconds=3.0) for index in (0, 0, 1))
    for stem in STEMS:
        assert np.array_equal(one.stems[stem], two.stems[stem])
    assert one.card == two.card
    assert one.card != other.card
    assert not np.array_equal(one.stems["drums"], other.stems["drums"])


def test_the_key_of_a_scale_is_found():
    for tonic in range(12):
        scale = tuple(
            Note(i, 2.0 if step in (0, 7) else 1.0, 60 + tonic + step, 90)
            for i, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12))
        )
        assert arrange.find_key(scale) == (tonic, False)
    assert arrange.find_key(()) == (0, False)


def test_finished_stems_are_balanced_repeated_and_sung_over(material, tmp_path):
    folder = material / "songs-train" / "disco"
    folder.mkdir(parents=True)
    for stem, level in (("drums", 0.5), ("bass", 0.01), ("other", 0.1)):
        soundfile.write(folder / f"{stem}.wav", level * np.stack([sung(8.0, 45)] * 2, 1), RATE)
    library = Library.open(material)
    (written,) = render.render_stems(library, tmp_path / "out", 0)
    assert written.name == "train-disco-0"
    stems = {stem: soundfile.read(written / f"{stem}.flac", dtype="float32")[0].T for stem in STEMS}
    assert {audio.shape for audio in stems.values()} == {(2, 64 * RATE)}
    assert not any(silent(audio) for audio in stems.values())
    assert np.abs(stems["bass"]).max() > 0.02
    first, again = stems["drums"][:, : 8 * RATE], stems["drums"][:, 8 * RATE : 16 * RATE]
    assert np.array_equal(first, again)
    assert list(render.render_stems(library, tmp_path / "out", 0)) == []


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


@pytest.mark.usefixtures("library")
def test_the_command_line(material, tmp_path, monkeypatch, capsys):
    words = ["songbook", "--songs", "1", "--first", "4", "--seed", "9", "--seconds", "2"]
    monkeypatch.setattr("sys.argv", [*words, "--data", str(material), "-o", str(tmp_path / "out")])
    assert __main__.main() == 0
    assert capsys.readouterr().out.startswith("song-9-0004")
    assert (tmp_path / "out" / "song-9-0004" / "vocals.flac").exists()


def test_the_command_line_explains_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["songbook", "--songs", "1", "--data", str(tmp_path), "-o", str(tmp_path)])
    assert __main__.main() == 1
    assert capsys.readouterr().err.startswith("error: ")
