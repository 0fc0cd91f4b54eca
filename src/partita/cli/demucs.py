"""`partita demucs`."""

from __future__ import annotations

from typing import Annotated

import typer

from partita.cli.console import ends_within_a_second
from partita.cli.downloads import obtain

__all__ = ["demucs"]


def demucs(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Options and tracks as of demucs; -h lists them.", metavar="ARGS...")
    ] = None,
) -> None:
    """Separate songs with the options of demucs 4.1.0: OUT/MODEL/TRACK/STEM.wav."""
    with ends_within_a_second():
        from partita.compat.demucs.repo import offline
        from partita.compat.demucs.separate import run

        failed = run(
            arguments or [],
            prog="partita demucs",
            obtain=lambda name, stems: obtain(name, offline=offline(), stems=stems),
        )
    raise typer.Exit(1 if failed else 0)
