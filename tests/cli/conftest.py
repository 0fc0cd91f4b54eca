from __future__ import annotations

import subprocess
import sys

import pytest

from partita.cli import main


@pytest.fixture
def command_line(tmp_path, monkeypatch, capsys):
    """Run the command line in ``tmp_path``; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["partita", *map(str, words)])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return exit_.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def command_line_without(tmp_path):
    """Run the command line in a process that cannot import a package; returns exit code and stderr."""

    def run(package, *words):
        code = f"import sys; sys.modules[{package!r}] = None; from partita.cli import main; main()"
        result = subprocess.run(
            [sys.executable, "-c", code, *map(str, words)], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert "Traceback" not in result.stderr
        return result.returncode, result.stderr

    return run
