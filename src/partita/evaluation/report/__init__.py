"""An evaluation as one HTML file, to look at, listen to and pass on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from partita.errors import ConfigError
from partita.evaluation.results import Run
from partita.system.atomic import write_atomically

__all__ = ["write_report"]


def write_report(runs: Sequence[Run], path: Path, *, title: str = "Evaluation of separated stems") -> None:
    """Write a report of one or more runs.

    It holds the summary of each score, box plots over songs, what is predicted where a source is silent, paired
    comparisons of each two runs, a table of all songs, and the runs' excerpts as spectrograms and players. The file
    needs nothing beside it and no network, and the same runs give the same bytes.

    Args:
        runs: At most 26, in the order in which to show them.
        path: The HTML file; its folder is made where there is none.
        title: Its heading.

    Raises:
        ConfigError: There are no runs or too many, or matplotlib, jinja2 or scipy is missing.
        OutputError: The file cannot be written; an older one is as it was.
    """
    if not 1 <= len(runs) <= 26:
        raise ConfigError(f"runs: a report is of 1 to 26 of them, not {len(runs)}")
    try:
        from partita.evaluation.report.page import render  # here: it needs the extra packages
    except ImportError as error:
        package = str(error.name).partition(".")[0]
        raise ConfigError(f"reports need {package}: pip install 'partita[evaluate]'") from error
    write_atomically(path, render(runs, title).encode())
