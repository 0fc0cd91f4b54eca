"""How a batch of separations looks in a terminal, in a log and as JSON."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from partita.cli.console import error, human, printable, warning
from partita.errors import PartitaError
from partita.separation import OutputOptions, Separator, find_inputs, plan_jobs, run_job
from partita.separation.files import Job, Result

__all__ = ["run_batch"]


def run_batch(
    separator: Separator,
    inputs: list[Path],
    out: Path,
    options: OutputOptions,
    *,
    recursive: bool,
    skip_existing: bool,
    as_json: bool,
) -> int:
    """Separate all inputs, one after the other, and return how many failed."""
    report = _Report(as_json)
    found = []
    for item in find_inputs(inputs, recursive=recursive):
        if isinstance(item, PartitaError):
            report.failed("", item)
        else:
            found.append(item)
    for job in plan_jobs(found, out, separator.card.name, separator.sources, options):
        if skip_existing and job.done:
            report.skipped(job)
            continue
        try:
            began = time.monotonic()
            with _Bar(job.source, quiet=as_json) as bar:
                mixture = separator.open(job.source)
                bar.seconds = mixture.samples / mixture.sample_rate
                result = run_job(separator, job, options, mixture=mixture, progress=bar.update)
            report.done(job, result, time.monotonic() - began)
        except PartitaError as problem:
            report.failed(str(job.source), problem)
        except KeyboardInterrupt:  # typer exits with 130
            error(f"stopped; nothing of {job.source} was kept, the tracks before it are done")
            raise
    report.summarise()
    return report.failures


class _Bar:
    """A live bar with speed and time left in a terminal, nothing elsewhere."""

    def __init__(self, source: Path, *, quiet: bool) -> None:
        self.seconds = 0.0  # length of the track, once it is known
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=human,
            disable=quiet or not human.is_terminal,
        )
        self._task = self._progress.add_task(escape(printable(source.name)), total=1.0, speed="")
        self._began = time.monotonic()

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, fraction: float, seconds_left: float | None) -> None:
        elapsed = time.monotonic() - self._began
        self._progress.update(self._task, completed=fraction, speed=f"{fraction * self.seconds / elapsed:.0f}x")


class _Report:
    """Collects what became of every track and says it: lines, a table at the end, or JSON lines."""

    def __init__(self, as_json: bool) -> None:
        self.failures = 0
        self._as_json = as_json
        self._rows: list[tuple[str, str, str]] = []

    def done(self, job: Job, result: Result, seconds: float) -> None:
        speed = result.seconds / seconds if seconds else 0.0
        for text in result.warnings:
            warning(text)
        outcome = f"{_clock(result.seconds)} in {seconds:.1f} s ({speed:.1f}x)"
        if result.gain != 1:
            outcome += f", all stems turned down by {-_decibels(result.gain):.1f} dB so that none clips"
        if self._as_json:
            self._print(
                job.source,
                "done",
                outputs={name: str(path) for name, path in result.outputs.items()},
                sample_rate=result.sample_rate,
                seconds=round(result.seconds, 3),
                elapsed=round(seconds, 3),
                gain_db=round(_decibels(result.gain), 2),
                warnings=result.warnings,
            )
        else:
            folder = next(iter(result.outputs.values())).parent
            human.print(printable(f"{job.source}: {outcome} -> {folder}"), markup=False, soft_wrap=True)
        self._rows.append((job.source.name, "done", outcome))

    def skipped(self, job: Job) -> None:
        if self._as_json:
            self._print(job.source, "skipped", outputs={name: str(path) for name, path in job.outputs.items()})
        self._rows.append((job.source.name, "skipped", "all stems exist"))

    def failed(self, source: str, problem: PartitaError) -> None:
        self.failures += 1
        error(str(problem))
        if self._as_json:
            self._print(source, "failed", error=str(problem))
        self._rows.append((Path(source).name, "failed", str(problem)))

    def summarise(self) -> None:
        if self._as_json or len(self._rows) < 2:
            return
        table = Table("track", "", "", box=None, show_header=False)
        colours = {"done": "green", "skipped": "yellow", "failed": "red"}
        for name, state, outcome in self._rows:
            table.add_row(
                escape(printable(name)),
                f"[{colours[state]}]{state}[/]",
                escape(printable(outcome)),
            )
        human.print(table)
        human.print(f"{len(self._rows) - self.failures} of {len(self._rows)} tracks done")

    def _print(self, source: Path | str, state: str, **facts: Any) -> None:
        typer.echo(json.dumps({"input": str(source), "state": state, **facts}))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _decibels(gain: float) -> float:
    return 20 * math.log10(gain)
