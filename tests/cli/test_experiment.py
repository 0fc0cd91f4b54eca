from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest

from partita.evaluation.results import load_runs
from tests.experiment.conftest import PLAN, plan, songs

__all__ = ["plan", "songs"]  # fixtures

WORDS = ("--data", "songs", "--valid", "songs", "--test", "songs", "-o", "runs")


@pytest.fixture
def experiment(plan, songs, command_line):  # noqa: ARG001 - the files they write
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lambda *words: command_line("experiment", *words)


def test_it_trains_and_scores_and_prints_the_table(experiment, tmp_path):
    """A real training, in a process of its own."""
    (tmp_path / "plan.toml").write_text(PLAN.replace("[1, 2]", "[1]"))
    only = [word for system in ("floor", "ceiling", "demucs") for word in ("--only", system)]
    code, _, err = experiment("run", "plan.toml", *WORDS, *only)
    assert (code, "error" in err) == (0, False)
    scores = tmp_path / "runs" / "scores" / "songs"
    assert sorted(path.stem for path in scores.iterdir()) == ["ceiling", "demucs-1", "floor"]

    code, out, _ = experiment("table", "plan.toml", "-o", "runs", "--markdown")
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in out.splitlines() if "|" in line}
    assert list(rows)[2:] == ["floor", "ceiling", "demucs", "no-lstm"]
    assert rows["demucs"][2] == f"{load_runs(scores / 'demucs-1.json')[0].summary().overall:.2f}"
    assert float(rows["ceiling"][2]) > float(rows["floor"][2]) + 1
    assert rows["no-lstm"][2] == "not run"


def test_the_error_of_a_training_is_shown(experiment, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.replace("[1, 2]", "[1]").replace("optim.steps=3", "model.init=nowhere"))
    code, _, err = experiment("run", "plan.toml", *WORDS, "--only", "demucs")
    assert code == 1
    assert "error: demucs-1: no model 'nowhere'" in err


@pytest.mark.usefixtures("experiment")
def test_terminated_it_takes_its_training_along(tmp_path):
    """A real process: its standard error ends when nothing holds it any more."""
    (tmp_path / "plan.toml").write_text(PLAN.replace("steps=3", "steps=1000000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "partita", "experiment", "run", "plan.toml", *WORDS, "--only", "demucs"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "runs" / "demucs-1" / "config.toml").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err


def test_an_invalid_plan_is_refused_before_work_starts(experiment, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.replace("seeds", "seed"))
    code, _, err = experiment("run", "plan.toml", *WORDS)
    assert code == 2
    assert "plan.toml: unknown field 'seed': did you mean 'seeds'?" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--only", "demux"), 2, "no system 'demux': did you mean 'demucs'?"),
        (("--data", ""), 2, "--data: is empty"),
        (("--test", "nowhere"), 1, "nowhere: no such folder"),
    ],
)
def test_wrong_usage(experiment, tmp_path, words, code, message):
    found, _, err = experiment("run", "plan.toml", *WORDS, *words)
    assert found == code
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_nothing_to_show(experiment):
    code, _, err = experiment("table", "plan.toml", "-o", "nowhere")
    assert code == 2
    assert "nowhere: holds no scores of this experiment yet" in err


@pytest.mark.usefixtures("experiment")
def test_on_a_core_install_the_missing_extra_is_named(command_line_without):
    code, err = command_line_without("tomli_w", "experiment", "run", "plan.toml", *WORDS)
    assert code == 2
    assert "this needs tomli_w, which the extra 'train,evaluate' installs" in err
