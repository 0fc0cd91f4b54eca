from __future__ import annotations

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
