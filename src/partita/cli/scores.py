"""How an evaluation runs from the command line, and what it prints and leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from partita.cli.console import error, human, printable
from partita.data import Song
from partita.data.songs import scan_root
from partita.errors import ConfigError, PartitaError
from partita.evaluation.aggregate import mean_of_finite
from partita.evaluation.estimates import Estimator, FolderEstimates, estimates_by
from partita.evaluation.report import write_report
from partita.evaluation.results import METRICS, Run, load_runs, runs_to_json, save_runs
from partita.evaluation.run import Scoring, evaluate, sources_of

__all__ = ["run_evaluation"]


def run_evaluation(
    references: Path | None,
    estimates: Sequence[Path],
    models: Sequence[str],
    scores: Sequence[Path],
    *,
    sources: tuple[str, ...] | None,
    scoring: Scoring,
    options: dict[str, Any],
    jobs: int,
    out: Path,
    as_json: bool,
) -> int:
    """Score what is asked for, print it, write ``scores.json`` and ``report.html``; return how many songs failed."""
    if references is None and (estimates or models or not scores):
        raise ConfigError("give the folder of references: partita evaluate REFERENCES ESTIMATES, or --data DIR")
    if references is not None and not (estimates or models):
        raise ConfigError("give something to score: a folder of estimates, or --model NAME")
    runs = [run for path in scores for run in load_runs(path)]
    estimators: list[Estimator] = [FolderEstimates.of(folder) for folder in estimates]
    estimators += [estimates_by(name, **options) for name in models]
    failed = 0
    if references is not None:
        songs, failed = _read_references(references)
        wanted = sources_of(songs) if sources is None else sources
        for estimator in estimators:
            runs.append(_run(estimator, songs, wanted, scoring, jobs, quiet=as_json))
            failed += len(runs[-1].failures)
    runs = _named_apart(runs)
    save_runs(runs, out / "scores.json")
    if any(run.songs for run in runs):
        write_report(runs, out / "report.html")
    if as_json:
        typer.echo(json.dumps(runs_to_json(runs), allow_nan=False))
    else:
        _print_tables(runs)
        human.print(printable(f"-> {out / 'scores.json'}, {out / 'report.html'}"), markup=False, soft_wrap=True)
    return failed


def _read_references(root: Path) -> tuple[list[Song], int]:
    found = [found for _, found in scan_root(root)]
    for problem in found:
        if isinstance(problem, PartitaError):
            error(str(problem))
    songs = [song for song in found if isinstance(song, Song)]
    return songs, len(found) - len(songs)


def _run(
    estimator: Estimator, songs: Sequence[Song], sources: tuple[str, ...], scoring: Scoring, jobs: int, *, quiet: bool
) -> Run:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=human, disable=quiet or not human.is_terminal) as bar:
        task = bar.add_task(escape(printable(estimator.name)), total=len(songs))

        def advance(name: str, problem: str | None) -> None:
            bar.advance(task)
            if problem is not None:
                error(f"{estimator.name}, {name}: {problem}")

        return evaluate(estimator, songs, sources, scoring, jobs=jobs, progress=advance)


def _named_apart(runs: Sequence[Run]) -> list[Run]:
    """Give runs of the same name numbers."""
    names = [run.name for run in runs]
    seen: dict[str, int] = {}
    apart = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        apart.append(replace(run, name=f"{run.name} {seen[run.name]}") if names.count(run.name) > 1 else run)
    return apart


def _print_tables(runs: Sequence[Run]) -> None:
    console = Console(highlight=False)
    for run in runs:
        if not run.songs:
            continue
        console.print(f"{escape(printable(run.name))}: SDR of each song (BSSEval v4, median over frames, dB)")
        table = _table(["song", *run.sources])
        for song, values in zip(run.songs, run.medians("sdr"), strict=True):
            table.add_row(escape(printable(song.name)), *map(_decibels, values))
        console.print(table)
    for run in runs:
        if not run.songs:
            continue
        console.print(f"{escape(printable(run.name))}: median over {len(run.songs)} songs (dB)")
        table = _table(["", *run.sources, "mean"])
        for metric in METRICS:
            summary = run.summary(metric)
            table.add_row(metric.upper(), *map(_decibels, summary.sources), _decibels(summary.overall))
        for metric, label in (("sdr", "SDR of whole songs, mean"), ("si_sdr", "SI-SDR, mean")):
            means = mean_of_finite(run.whole(metric), axis=0)
            if np.isfinite(means).any():
                table.add_row(label, *map(_decibels, means), _decibels(float(mean_of_finite(means))))
        console.print(table)


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _decibels(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
