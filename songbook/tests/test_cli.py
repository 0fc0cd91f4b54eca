from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from partita.errors import AudioError, ConfigError, OutputError
from partita_songbook import cli
from partita_songbook.library import Library


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; returns the exit code, and the lines on stdout and stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["partita-songbook", *map(str, words)])
        monkeypatch.setattr(cli.signal, "signal", lambda *_: None)  # SIGTERM stays as it is for the tests
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out.splitlines(), err.splitlines()

    return call


def test_songs_are_rendered_and_their_folders_printed(run, material, tmp_path):
    words = ("--songs", 1, "--first", 4, "--seed", 9, "--seconds", 2, "--split", "valid")
    code, out, err = run(*words, "--data", material, "-o", tmp_path / "out")
    assert (code, out, err) == (0, [str(tmp_path / "out" / "song-9-0004")], [])
    card = json.loads((tmp_path / "out" / "song-9-0004" / "card.json").read_text())
    assert (card["split"], card["index"]) == ("valid", 4)
    assert run(*words, "--data", material, "-o", tmp_path / "out") == (0, [], [])  # it is kept


def test_a_manifest_may_lie_elsewhere(run, material, tmp_path):
    manifest = (material / "songbook.toml").rename(tmp_path / "mine.toml")
    words = ("--songs", 1, "--seconds", 2, "--split", "valid", "--data", material, "-o", tmp_path / "out")
    assert run(*words, "--manifest", manifest)[0] == 0
    manifest.write_text("colection = []")
    code, _, (error,) = run(*words, "--manifest", manifest)
    assert code == 2
    assert error.startswith(f"error: {manifest}: unknown field 'colection': did you mean 'collection'")


def test_a_broken_file_costs_only_its_own_songs(run, material, tmp_path):
    (material / "midi/songs/broken.mid").write_text("no")
    words = ("--songs", 8, "--seed", 3, "--seconds", 2, "--jobs", 2, "--data", material)
    code, out, errors = run(*words, "-o", tmp_path / "out")
    written = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("song-")]
    assert code == 1
    assert errors
    assert all(re.search(r"^error: .*broken\.mid: cannot be read as MIDI", line) for line in errors)
    assert len(written) == 8 - len(errors) > 0
    assert sorted(out) == sorted(map(str, written))


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("a\nb"), 2), (OutputError("a\nb"), 1), (AudioError("a\nb"), 1), (KeyboardInterrupt(), 130)],
)
def test_errors_are_one_line_and_an_exit_code(run, tmp_path, monkeypatch, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Library, "open", fail)
    found, _, err = run("--songs", 1, "-o", tmp_path)
    assert found == code
    if code != 130:
        assert err == ["error: a\\nb"]


def test_wrong_usage_is_2(run, tmp_path):
    assert run("-o", tmp_path)[0] == 2
    assert run("--songs", 1, "-o", tmp_path, "--data", tmp_path / "nowhere")[0] == 2


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "partita_songbook", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "OUT/SONG/STEM.flac" in done.stdout


def test_finished_stems_are_rendered_on_request(run, monkeypatch, tmp_path):
    monkeypatch.setattr("partita_songbook.render.render_stems", lambda *_: iter([tmp_path / "train-a-0"]))
    words = ("--songs", 0, "-o", tmp_path)
    assert run(*words) == (0, [], [])
    assert run(*words, "--stems") == (0, [str(tmp_path / "train-a-0")], [])
