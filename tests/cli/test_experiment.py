from __future__ import annotations

import logging
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from partita.evaluation.results import load_runs

RATE = 8000
PLAN = """
title = "Small and smaller"
seeds = [1, 2]
set = ["model.configuration.sample_rate=8000", "optim.steps=3"]

[[systems]]
name = "floor"
oracle = "mixture"

[[systems]]
name = "ceiling"
oracle = "irm2"
paper = {all = 8.22}

[[systems]]
name = "demucs"
config = "base.toml"
paper = {all = 5.58}

[[systems]]
name = "no-lstm"
config = "base.toml"
set = ["model.configuration.lstm_layers=0"]
"""
BASE = """
[model.configuration]
channels = 4
depth = 2
[data]
segment = 0.2
batch_size = 4
[augment]
shift = 0.1
[optim]
steps = 100
[run]
validate_every = 2
window = 0.5
"""
WORDS = ("--data", "songs", "--valid", "songs", "--test", "songs", "-o", "runs")


@pytest.fixture
def experiment(tmp_path, command_line):
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "base.toml").write_text(BASE)
    rng = np.random.default_rng(0)
    for song in ("one", "two"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for stem in ("drums", "bass", "other", "vocals"):
            samples = rng.uniform(-0.2, 0.2, (2 * RATE, 2))
            soundfile.write(tmp_path / "songs" / song / f"{stem}.wav", samples, RATE)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lambda *words: command_line("experiment", *words)


def test_it_trains_and_scores_what_is_missing_and_prints_the_table(experiment, tmp_path):
    code, _, err = experiment("run", "plan.toml", *WORDS, "--only", "floor", "--only", "demucs")
    assert (code, "error" in err) == (0, False)
    runs = tmp_path / "runs"
    scored = sorted(path.name for path in (runs / "scores" / "songs").iterdir())
    assert scored == ["demucs-1.json", "demucs-2.json", "floor.json"]
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert len(before) == 2

    code, _, err = experiment("run", "plan.toml", *WORDS)
    assert code == 0
    assert "demucs" not in err
    assert "no-lstm-2: training" in err
    assert {path: path.stat().st_mtime_ns for path in before} == before

    code, out, _ = experiment("table", "plan.toml", "-o", "runs", "--markdown")
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in out.splitlines() if "|" in line}
    assert list(rows)[2:] == ["floor", "ceiling", "demucs", "no-lstm"]
    assert [rows[name][1] for name in list(rows)[2:]] == ["-", "8.22", "5.58", "-"]
    seeds = [load_runs(runs / "scores" / "songs" / f"demucs-{seed}.json")[0].summary().overall for seed in (1, 2)]
    assert rows["demucs"][2] == f"{np.mean(seeds):.2f} ± {np.std(seeds) / np.sqrt(2):.2f}"
    assert seeds[0] != seeds[1]
    assert float(rows["ceiling"][2]) > float(rows["floor"][2]) + 1


def test_one_failure_stops_no_other_system(experiment, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.replace("[1, 2]", "[1]"))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demucs-1").write_text("in the way")
    code, _, err = experiment("run", "plan.toml", *WORDS)
    assert code == 1
    assert re.search(r"error: demucs-1: .*", err)
    assert sorted(path.name for path in (tmp_path / "runs" / "scores" / "songs").iterdir()) == [
        "ceiling.json",
        "floor.json",
        "no-lstm-1.json",
    ]
    _, out, _ = experiment("table", "plan.toml", "-o", "runs")
    assert "not run" in " ".join(out.split())


@pytest.mark.usefixtures("experiment")
def test_terminated_it_takes_its_training_along(tmp_path):
    """A real process: its standard error ends when nothing holds it any more."""
    (tmp_path / "plan.toml").write_text(PLAN.replace("steps=3", "steps=1000000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "partita", "experiment", "run", "plan.toml", *WORDS, "--only", "demucs"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "runs" / "demucs-1" / "config.toml").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("seeds", "seed"), "plan.toml: unknown field 'seed': did you mean 'seeds'?"),
        (lambda text: text.replace('oracle = "irm2"', 'oracle = "irm9"'), "'irm9' is none of irm1"),
        (lambda text: text.replace('oracle = "irm2"', ""), "give either config or oracle"),
        (lambda text: text.replace('"no-lstm"', '"demucs"'), "two systems are called 'demucs'"),
        (lambda text: text.replace("lstm_layers", "lstm_layer"), "lstm_layer"),
        (lambda text: text.replace("optim.steps", "optim.step"), "optim.step"),
        (lambda text: text.replace('"base.toml"', '"demucs-2020"'), "did you mean 'demucs-20"),
        (lambda text: text + "[", "plan.toml: "),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_before_work_starts(experiment, tmp_path, change, message):
    (tmp_path / "plan.toml").write_text(change(PLAN))
    code, _, err = experiment("run", "plan.toml", *WORDS)
    assert code == 2
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_nothing_to_show(experiment):
    code, _, err = experiment("table", "plan.toml", "-o", "nowhere")
    assert code == 2
    assert "nowhere: holds no scores of this experiment yet" in err


def test_an_unknown_system(experiment):
    code, _, err = experiment("run", "plan.toml", *WORDS, "--only", "demux")
    assert code == 2
    assert "no system 'demux': did you mean 'demucs'?" in err


@pytest.mark.parametrize("name", ["paper", "small"])
def test_the_experiments_of_the_repository_are_whole(name, pytestconfig):
    from partita.experiment.plan import load_experiment

    plan = load_experiment(pytestconfig.rootpath / "experiments" / "paper" / f"{name}.toml")
    wanted = {"mixture", "irm2", "wave-u-net", "open-unmix", "conv-tasnet", "no-lstm", "mse"}
    assert wanted <= {system.name for system in plan.systems}
