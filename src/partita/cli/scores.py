"""Progress, tables and files of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from partita.cli.console import cell, error, human, print_table, printable
from partita.errors import ConfigError, OutputError
from partita.evaluation.aggregate import mean_of_finite
from partita.evaluation.report import MOST_RUNS, write_report
from partita.evaluation.results import METRICS, Run, runs_to_json, save_runs
from partita.evaluation.run import EvaluationProgress
from partita.system.atomic import existing_ancestor
from partita.system.private import private_folder

__all__ = ["ProgressBars", "check_output", "print_runs", "save_evaluation"]


class ProgressBars:
    """A bar for each run in a terminal; failures are printed anywhere.

    Args:
        quiet: Show no bars.
    """

    def __init__(self, *, quiet: bool) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=human, disable=quiet or not human.is_terminal)
        self._bar: TaskID | None = None

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, progress: EvaluationProgress) -> None:
        """Show how far an evaluation is."""
        if progress.song is None or self._bar is None:
            self._bar = self._bars.add_task(printable(progress.run), total=progress.total)
        self._bars.update(self._bar, completed=progress.done)
        if progress.failure is not None:
            error(f"{progress.run}, {progress.song}: {progress.failure}")


def check_output(out: Path, runs: int) -> None:
    """Fail before songs are scored if the evaluation could not be saved afterwards.

    Args:
        out: Its folder.
        runs: How many runs there will be.

    Raises:
        ConfigError: A report cannot show that many.
        OutputError: The folder cannot be written to.
    """
    if runs > MOST_RUNS:
        raise ConfigError(f"a report shows up to {MOST_RUNS} runs, not {runs}; evaluate some of them at a time")
    for path in _files(out):
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; remove it or choose another folder with -o")
    try:
        with private_folder(existing_ancestor(out)):
            pass
    except OSError as problem:
        raise OutputError(f"{out}: cannot be written to: {problem.strerror or problem}") from problem


def _files(out: Path) -> tuple[Path, Path]:
    return out / "scores.json", out / "report.html"


def save_evaluation(runs: Sequence[Run], out: Path) -> None:
    """Write ``scores.json``, and ``report.html`` if any song has scores."""
    scores, report = _files(out)
    save_runs(runs, scores)
    written = [scores]
    try:
        if any(run.songs for run in runs):
            write_report(runs, report)
            written.append(report)
    finally:
        human.print(printable(f"-> {', '.join(map(str, written))}"), markup=False, soft_wrap=True)


def print_runs(runs: Sequence[Run], *, as_json: bool) -> None:
    """Print the scores as tables, or as JSON."""
    if as_json:
        typer.echo(json.dumps(runs_to_json(runs), allow_nan=False))
        return
    scored = [run for run in runs if run.songs]
    for run in scored:
        typer.echo(f"{printable(run.name)}: SDR of each song (BSSEval v4, median over frames, dB)")
        print_table(_songs(run))
    for run in scored:
        typer.echo(f"{printable(run.name)}: median over {len(run.songs)} songs (dB)")
        print_table(_summary(run))


def _songs(run: Run) -> Table:
    table = _table(["song", *run.sources])
    for song, values in zip(run.songs, run.medians("sdr"), strict=True):
        table.add_row(cell(song.name), *map(_decibels, values))
    return table


def _summary(run: Run) -> Table:
    table = _table(["", *run.sources, "mean"])
    for metric in METRICS:
        summary = run.summary(metric)
        table.add_row(metric.upper(), *map(_decibels, summary.sources), _decibels(summary.overall))
    for metric, label in (("sdr", "whole-song SDR, mean"), ("si_sdr", "SI-SDR, mean")):
        means = mean_of_finite(run.whole(metric), axis=0)
        if np.isfinite(means).any():
            table.add_row(label, *map(_decibels, means), _decibels(float(mean_of_finite(means))))
    return table


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None)
    for index, column in enumerate(columns):
        table.add_column(cell(column), justify="right" if index else "left", no_wrap=True)
    return table


def _decibels(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
