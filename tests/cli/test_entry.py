from __future__ import annotations

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

import partita
from partita.cli import entry, main
from partita.errors import AudioError, ConfigError, OutputError


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "partita", *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_version():
    assert run("--version") == f"partita {partita.__version__}\n"


def test_help_names_the_commands():
    text = run("--help")
    for command in ("separate", "models", "doctor", "train"):
        assert command in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from partita.cli import app;"
        "heavy = {'numpy', 'torch', 'onnxruntime', 'av', 'soundfile', 'pydantic'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("command", "called"), [("separate", False), ("evaluate", True), ("experiment", True)])
def test_commands_that_compute_outside_a_session_keep_freed_memory(command, called, monkeypatch):
    calls = []
    monkeypatch.setattr(entry, "keep_freed_memory", lambda: calls.append(command))
    context = SimpleNamespace(invoked_subcommand=command)
    entry._partita(context)
    assert bool(calls) == called


def test_importing_is_instant_and_rooms_come_when_used():
    code = (
        "import sys, partita;"
        "assert not {'numpy', 'partita.separation'} & set(sys.modules);"
        "assert partita.models.build and partita.evaluation.sdr and partita.AudioError"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("segment: must be longer than 0"), 2),
        (AudioError("song.mp3: no such file"), 1),
        (OutputError("out: the disk is full"), 1),
        (BrokenPipeError(), 1),
    ],
)
def test_errors_become_one_line_and_an_exit_code(monkeypatch, capsys, error, code):
    def fail():
        raise error

    monkeypatch.setattr("partita.cli.entry.app", fail)
    monkeypatch.setattr("sys.stderr.close", lambda: None, raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as exit_:
            main()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert exit_.value.code == code
    printed = capsys.readouterr().err.splitlines()
    assert printed == ([] if isinstance(error, BrokenPipeError) else [f"error: {error}"])
