from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time

import pytest

from partita.system.extras import missing_extra
from tests.data.test_songs import make_song
from tests.training.runs import CONFIG


@pytest.fixture(autouse=True)
def quiet_again():
    """Take the command's handler off the log."""
    log = logging.getLogger("partita")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers, log.level = handlers, level


@pytest.fixture(autouse=True)
def one_thread_in_processes(monkeypatch):
    """Small tensors are faster without threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def song(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    return make_song(tmp_path / "songs" / "a", seconds=1.0)


TRAIN = ("train", "config.toml", "--data", "songs", "--valid", "songs")


def test_a_run_is_resumed_in_its_default_folder_and_separates(command_line, tmp_path, song):
    assert command_line(*TRAIN, "--steps", "1")[0] == 0
    assert (tmp_path / "runs" / "tiny" / "model.onnx").is_file()
    code, out, err = command_line(*TRAIN, "--steps", "2", "--set", "run.name=mine", "-o", "runs/tiny", "--resume")
    assert (code, out) == (0, "runs/tiny\n")
    assert "training on 1 songs" in err
    assert "run.name was tiny and is now mine" in err
    assert "step 2: validation loss" in err
    assert command_line("separate", str(song / "drums.wav"), "-m", "runs/tiny")[0] == 0
    assert (tmp_path / "separated" / "mine" / "drums" / "vocals.wav").is_file()


@pytest.mark.usefixtures("song")
def test_the_check_reports_memory_and_time_and_leaves_nothing(command_line, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = command_line(*TRAIN, "--check", "--steps", "5000")
    assert code == 0
    lines = dict(line.split(None, 1) for line in out.splitlines())
    assert 0.1 < float(lines["memory"].removesuffix(" GiB")) < 16
    assert "s of audio per second" in lines["speed"]
    assert lines["run"].startswith("5000 steps, about")
    assert float(lines["package"].removesuffix(" MB")) > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_not_installed_is_named(command_line_without):
    code, err = command_line_without("lightning", "train", "demucs-small", "--data", "songs")
    assert code == 2
    assert f"error: {missing_extra('train', 'lightning')}" in err.replace("\n", " ")


def test_the_presets_are_listed(command_line):
    code, out, _ = command_line("train", "--list")
    assert code == 0
    assert "demucs-2019" in out
    assert "open-unmix" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("demucs-209", "--data", "songs"), 2, "did you mean 'demucs-2019'"),
        (("none.toml", "--data", "songs"), 2, "none.toml: cannot be read: No such file"),
        (("config.toml", "--data", "nowhere"), 1, "nowhere: no such folder"),
        (("config.toml", "--data", "songs=much"), 2, "much"),
        (("config.toml", "--data", "songs", "--set", "optim.learnig_rate=1"), 2, "did you mean 'optim.learning_rate'"),
        (("config.toml", "--data", "songs", "--set", "model.configuration.chanels=1"), 2, "did you mean 'channels'"),
        (("config.toml", "--data", "songs", "--resume"), 2, "runs/tiny: no checkpoint"),
    ],
)
@pytest.mark.usefixtures("song")
def test_what_is_wrong_is_one_line(command_line, words, code, message):
    found, out, err = command_line("train", *words)
    assert (found, out) == (code, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.usefixtures("song")
def test_interrupted_it_saves_its_state_and_says_how_to_continue(command_line, tmp_path):
    """A real process, a real signal, and the run continues from there; no checkpoint is due by time."""
    words = ("-o", "run", "--steps", "1000000", "--set", "run.checkpoint_minutes=60", "--set", "run.validate_every=10")
    with subprocess.Popen(
        [sys.executable, "-m", "partita", *TRAIN, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "is saved in run" in err
    assert "to continue: partita train config.toml --data songs --valid songs -o run" in err.replace("\n", " ")
    assert err.replace("\n", " ").count("--resume") == 1
    assert "Traceback" not in err
    assert [path.name for path in sorted((tmp_path / "run" / "checkpoints").iterdir())] == ["best.ckpt", "last.ckpt"]
    code, _, err = command_line("separate", "songs/a/drums.wav", "-m", "run")
    assert code == 1
    assert "run: an unfinished training run" in err
    assert "partita train run/config.toml --out run --resume" in err
    assert command_line(*TRAIN, "-o", "run", "--resume", "--steps", "1")[0] == 0
