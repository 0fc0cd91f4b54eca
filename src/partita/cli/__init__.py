"""The command line: one thin file per command."""

from __future__ import annotations

from partita.cli.entry import app, main

__all__ = ["app", "main"]
