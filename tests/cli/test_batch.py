from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from partita.cli.batch import Batch
from partita.errors import ConfigError
from partita.separation import OutputOptions, Separator


@pytest.fixture(scope="module")
def separator(convolutional):
    return Separator(convolutional)


@pytest.fixture
def songs(tmp_path, noise):
    paths = [tmp_path / f"{name}.wav" for name in ("a", "b", "c")]
    for path in paths:
        soundfile.write(path, noise[:, :8820].T, 44100)
    return paths


def test_failures_are_counted_and_the_rest_is_done(separator, songs, tmp_path, capsys):
    songs[1].write_bytes(b"no audio")
    assert Batch(separator, OutputOptions()).run([*songs, tmp_path / "missing.mp3"], tmp_path / "out") == 2
    *lines, summary = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", str(songs[0]), "error", str(songs[2])]
    assert summary == "2 of 4 songs separated, 2 failed"
    assert {path.parent.name for path in (tmp_path / "out").rglob("*.wav")} == {"a", "c"}


def test_json_has_a_line_for_every_song(separator, songs, tmp_path, capsys):
    Batch(separator, OutputOptions(stems=("drums",))).run(songs[:1], tmp_path / "out")
    capsys.readouterr()
    options = OutputOptions(stems=("drums",), overwrite=True)
    Batch(separator, options, skip_existing=True, as_json=True).run([*songs, tmp_path / "missing"], tmp_path / "out")
    facts = {Path(fact["input"]).name: fact for fact in map(json.loads, capsys.readouterr().out.splitlines())}
    states = {"a.wav": "skipped", "b.wav": "done", "c.wav": "done", "missing": "failed"}
    assert {name: fact["state"] for name, fact in facts.items()} == states
    assert facts["b.wav"]["seconds"] == 0.2
    assert facts["b.wav"]["gain_db"] == 0
    assert Path(facts["b.wav"]["outputs"]["drums"]).is_file()


def test_standard_output_takes_one_stem(separator, songs):
    with pytest.raises(ConfigError, match="one stem of one input"):
        Batch(separator, OutputOptions()).run_to_stdout(songs[:1])
    with pytest.raises(ConfigError, match="one stem of one input"):
        Batch(separator, OutputOptions(stems=("drums",))).run_to_stdout(songs)
