from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

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


def shell(command, folder):
    """Run a shell command in which ``partita`` is this one; returns exit code and stderr."""
    code = f'partita() {{ {sys.executable} -m partita "$@"; }}; {command}'
    result = subprocess.run(
        ["bash", "-c", code], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120
    )
    assert "Traceback" not in result.stderr
    return result.returncode, result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["--version", "--help", "models", "separate song.wav --json"])
def test_standard_output_that_is_full(tmp_path, words):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 44100)
    code, err = shell(f"partita {words} > /dev/full", tmp_path)
    assert (code, err) == (1, "error: standard output cannot be written: No space left on device\n")


@pytest.mark.parametrize("words", ["separate song.wav --json", "separate song.wav --stems drums -o -"])
def test_standard_output_that_nobody_reads(tmp_path, words):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 44100)
    assert shell(f"partita {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path) == (1, "")


def test_standard_output_that_is_closed(tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 44100)
    assert shell("partita separate song.wav --quiet >&-", tmp_path) == (0, "")
    code, err = shell("partita separate song.wav --stems drums -o - >&-", tmp_path)
    assert (code, err) == (1, "error: standard output is closed; open it, or write files with -o FOLDER\n")


@pytest.mark.parametrize(("words", "codes"), [("separate ../song.wav", [2]), ("evaluate a b", [1, 2])])
def test_a_working_directory_that_was_deleted(tmp_path, words, codes):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 44100)
    code, err = shell(f"mkdir gone; cd gone; rmdir ../gone; partita {words}", tmp_path)
    assert code in codes
    assert err.startswith("error: ")
    assert err.count("\n") == 1


INVALID = """--segment=nan --segment=inf --segment=1e308 --overlap=nan --start=nan --start=-1 --start=1e308
--duration=inf --duration=0 --shifts=1000000000 --filename={stem.x} --filename={stem:>1000000000}
--sample-rate=99999999999999999999 --limits=hours=nan --limits=x=1 --limits=channels --vbr=nan"""


@pytest.mark.parametrize("option", INVALID.split())
def test_options_that_no_separation_can_have(command_line, option):
    code, out, err = command_line("separate", "song.wav", option)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {option[2:].split('=')[0].replace('-', '_')}: ")


def test_limits_reach_the_separator(command_line, tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 500)
    assert command_line("separate", "song.wav")[0] == 1
    assert command_line("separate", "song.wav", "--limits", "min_rate=500, hours=0.5")[0] == 0
