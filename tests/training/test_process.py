from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from partita.errors import AudioError, ConfigError, PartitaError
from partita.training import has_checkpoint, train_in_process
from tests.training.runs import CONFIG, config


@pytest.fixture(autouse=True)
def one_thread_in_processes(monkeypatch):
    """Small tensors are faster without threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_process_trains_and_its_errors_are_raised_here(folder, capfd):
    songs = {folder / "songs": 1.0}
    package = train_in_process(config("optim.steps=1"), data=songs, out=folder / "run", cache=folder / "cache")
    assert package.card.training["steps"] == 1
    assert has_checkpoint(folder / "run")
    assert not (folder / "run" / "job.json").exists()
    out, err = capfd.readouterr()
    assert out == ""
    assert "training on 3 songs" in err
    with pytest.raises(ConfigError, match="run: already holds a run"):
        train_in_process(config("optim.steps=1"), data=songs, out=folder / "run")


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (
            """print('{"error": "AudioError", "message": "songs: no such folder"}'); sys.exit(1)""",
            AudioError,
            "^songs: no such folder$",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", PartitaError, "run: training ended with exit code -9"),
        ("sys.exit(130)", KeyboardInterrupt, None),
    ],
)
def test_each_end_of_the_process_is_an_exception_here(tmp_path, monkeypatch, script, kind, message):
    plain = subprocess.Popen
    command = [sys.executable, "-c", f"import os, signal, sys; {script}"]
    monkeypatch.setattr("partita.training.process.subprocess.Popen", lambda _, **options: plain(command, **options))
    with pytest.raises(kind, match=message):
        train_in_process(config(), data={Path("songs"): 1.0}, out=tmp_path / "run")


def test_an_interruption_reaches_the_process_which_saves_its_state(folder):
    """SIGINT to the caller alone, which is a process of its own here."""
    (folder / "config.toml").write_text(CONFIG)
    script = (
        "import sys; from pathlib import Path; from partita.training import load_config, train_in_process;"
        "root = Path(sys.argv[1]);"
        "config = load_config(root / 'config.toml', ['optim.steps=1000000', 'run.checkpoint_minutes=60']);"
        "train_in_process(config, data={root / 'songs': 1.0}, valid=[root / 'songs'], out=root / 'run')"
    )
    with subprocess.Popen([sys.executable, "-c", script, folder], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (folder / "run" / "checkpoints" / "best.ckpt").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "is saved in" in err
    assert "KeyboardInterrupt" in err
    assert has_checkpoint(folder / "run")
