from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from partita.errors import AudioError, ConfigError, DivergenceError
from partita.evaluation import load_runs
from partita.experiment import load_experiment, load_scores, run_experiment


@pytest.fixture
def trained(convolutional, monkeypatch):
    """Replace training: a package appears, and what was asked for is noted; some runs may fail."""
    calls = []

    def train(config, *, data, valid, out, cache, resume):
        calls.append((config.run.name, config.run.seed, resume))
        if config.run.name == "demucs" and config.run.seed == 2:
            raise DivergenceError(f"{out}: the loss is NaN")
        shutil.copytree(convolutional.folder, out, dirs_exist_ok=True)
        calls[-1] += (dict(data), list(valid), cache)

    monkeypatch.setattr("partita.experiment.run.train_in_process", train)
    return calls


def run(plan, songs, **options):
    told = []
    folders = {"data": {songs: 2.0}, "valid": [songs], "test": [songs], "out": plan.parent / "runs"} | options
    return run_experiment(load_experiment(plan), progress=told.append, **folders), told


def test_what_is_missing_is_trained_and_scored_and_a_failure_stops_no_other(plan, songs, trained):
    failures, told = run(plan, songs)
    out = plan.parent / "runs"
    assert [call[:3] for call in trained] == [
        ("demucs", 1, False),
        ("demucs", 2, False),
        ("no-lstm", 1, False),
        ("no-lstm", 2, False),
    ]
    assert trained[0][3:] == ({songs: 2.0}, [songs], out / "cache")
    assert failures == {"demucs-2": f"{out / 'demucs-2'}: the loss is NaN"}
    assert told[:3] == [f"floor: scoring on {songs}", f"ceiling: scoring on {songs}", "demucs-1: training"]
    scored = sorted(path.stem for path in (out / "scores" / "songs").iterdir())
    assert scored == ["ceiling", "demucs-1", "floor", "no-lstm-1", "no-lstm-2"]
    assert [run.oracle for run in load_runs(out / "scores" / "songs" / "floor.json")] == [True]

    trained.clear()
    (out / "demucs-2" / "checkpoints").mkdir(parents=True)
    (out / "demucs-2" / "checkpoints" / "last.ckpt").touch()
    failures, told = run(plan, songs)
    assert trained == [("demucs", 2, True)]  # an interrupted run is resumed, finished ones are kept
    assert told == ["demucs-2: training"]

    found = load_scores(load_experiment(plan), out)
    assert {name: len(runs) for name, runs in found["songs"].items()} == {
        "floor": 1,
        "ceiling": 1,
        "demucs": 1,
        "no-lstm": 2,
    }


def test_only_some_systems(plan, songs, trained):
    failures, told = run(plan, songs, only=["floor"], data={})
    assert (failures, told, trained) == ({}, [f"floor: scoring on {songs}"], [])


@pytest.mark.usefixtures("trained")
def test_a_song_that_cannot_be_scored_is_told_and_fails_the_system(plan, songs):
    (songs / "two" / "bass.wav").unlink()
    failures, told = run(plan, songs, only=["ceiling"])
    assert told[1].startswith("ceiling: two: ")
    assert "bass.wav: missing" in told[1]
    assert failures["ceiling"].startswith(f"1 of 2 songs of {songs} could not be scored, the first is two: ")
    assert load_scores(load_experiment(plan), plan.parent / "runs") == {}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"only": ["demux"]}, ConfigError, "no system 'demux': did you mean 'demucs'"),
        ({"data": {}}, ConfigError, "data: give at least one folder of songs"),
        ({"data": {Path("nowhere"): 1.0}}, AudioError, "nowhere: no such folder"),
        ({"valid": [Path("nowhere")]}, AudioError, "nowhere: no such folder"),
        ({"test": [Path("nowhere")]}, AudioError, "nowhere: no such folder"),
        ({"test": [Path("a/test"), Path("b/test")]}, ConfigError, "test: a/test and b/test have the same name"),
    ],
)
def test_everything_is_checked_before_anything_is_trained(plan, songs, trained, options, error, message):
    with pytest.raises(error, match=message):
        run(plan, songs, **options)
    assert trained == []
    assert not (plan.parent / "runs").exists()


def test_an_empty_folder(plan, songs, trained):
    (plan.parent / "empty").mkdir()
    with pytest.raises(AudioError, match="empty: no song in it"):
        run(plan, songs, valid=[plan.parent / "empty"])
    assert trained == []


def test_a_package_that_scoring_needs_is_missing(plan, songs, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ConfigError, match=r"^this needs threadpoolctl"):
        run(plan, songs)
    assert trained == []
