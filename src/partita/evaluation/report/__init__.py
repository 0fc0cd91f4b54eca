"""An evaluation as a single HTML file to look at, listen to and pass on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from partita.errors import ConfigError
from partita.evaluation.results import Run
from partita.system.atomic import write_atomically
from partita.system.extras import needs_extra

__all__ = ["MOST_RUNS", "write_report"]

MOST_RUNS = 26  # in a report, which marks them by letters


def write_report(
    runs: Sequence[Run], path: str | PathLike[str], *, title: str = "Evaluation of separated stems"
) -> None:
    """Write a report of one or more runs.

    It shows a summary of each score, box plots over songs, the energy at silence, a paired comparison of every two
    runs, a table of all songs, and the excerpts of the runs as spectrograms and players. The file is self-contained
    and needs no network. The same runs give the same bytes.

    Args:
        runs: 1 to 26 runs, in the order in which to show them. Runs marked as ``oracle`` are not marked as the best.
        path: The HTML file. Its folder is created if needed.
        title: Heading of the page.

    Raises:
        ConfigError: There are no runs or too many, or a package of the extra ``evaluate`` is missing.
        OutputError: The file cannot be written; an older one is unchanged.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise ConfigError(f"runs: a report takes 1 to {MOST_RUNS} of them, not {len(runs)}")
    with needs_extra("evaluate"):
        from partita.evaluation.report.page import render
    write_atomically(Path(path), render(runs, title).encode(errors="backslashreplace"))
