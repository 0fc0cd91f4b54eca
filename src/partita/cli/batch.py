"""A batch of separations, reported in a terminal, in a log or as JSON."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from partita.audio.level import decibels
from partita.cli.console import clock, error, human, printable, warning
from partita.errors import ConfigError, OutputError, PartitaError
from partita.separation import (
    Job,
    Mixture,
    OutputOptions,
    Result,
    Separator,
    find_inputs,
    plan_jobs,
    without_earlier_outputs,
)

__all__ = ["Batch"]

_STDIN = Path("-")


class Batch:
    """Separates inputs one after the other; one that fails does not stop the others.

    Args:
        separator: The loaded model.
        options: What is written.
        start: Seconds to skip of each song.
        duration: Seconds to separate of each song; None for all.
        skip_existing: Skip songs that have all their stems.
        as_json: Print a JSON object per song to stdout, and no progress.
        quiet: Print errors and warnings only.
    """

    def __init__(
        self,
        separator: Separator,
        options: OutputOptions,
        *,
        start: float = 0.0,
        duration: float | None = None,
        skip_existing: bool = False,
        as_json: bool = False,
        quiet: bool = False,
    ) -> None:
        self._separator = separator
        self._options = options
        self._start = start
        self._duration = duration
        self._skip_existing = skip_existing
        self._as_json = as_json
        self._quiet = quiet or as_json

    def run(self, inputs: Sequence[Path], out: Path, *, recursive: bool = False) -> int:
        """Separate files and folders into ``out`` and return how many inputs failed."""
        report = _Report(as_json=self._as_json, quiet=self._quiet)
        found: list[tuple[Path, Path]] = []
        for path in inputs:
            if path == _STDIN:
                found.append((_STDIN, Path("stdin")))
                continue
            tracks = []
            for item in find_inputs([path], recursive=recursive, skip=out):
                if isinstance(item, PartitaError):
                    report.failed(path, item)
                else:
                    tracks.append(item)
            kept = without_earlier_outputs(tracks, self._separator.sources, self._options)
            report.left_out(path, len(tracks) - len(kept))
            found += kept
        jobs = plan_jobs(found, out, self._separator.card.name, self._separator.sources, self._options)
        for index, job in enumerate(jobs):
            if self._skip_existing and job.done:
                report.skipped(job)
                continue
            began = time.monotonic()
            try:
                result = self._separate(job, f"{index + 1}/{len(jobs)} " if len(jobs) > 1 else "")
            except PartitaError as problem:
                report.failed(job.source, problem)
            else:
                report.done(job, result, time.monotonic() - began)
        report.summarise()
        return report.failures

    def run_to_stdout(self, inputs: Sequence[Path]) -> int:
        """Separate one input and write its only stem to standard output; return 0.

        Raises:
            PartitaError: The input cannot be separated.
            ConfigError: There is more than one input or stem, or JSON is to be printed too.
        """
        names = self._options.names(self._separator.sources)
        if len(inputs) != 1 or len(names) != 1 or self._as_json:
            raise ConfigError("-o -: standard output takes one stem of one input and no --json; choose it with --stems")
        with tempfile.TemporaryDirectory(prefix="partita-") as folder:
            path = Path(folder, f"stem.{self._options.format}")
            result = self._separate(Job(inputs[0], {names[0]: path}), "")
            for text in result.warnings:
                warning(text)
            try:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            except BrokenPipeError:  # the reader went away, see partita.cli.main
                raise
            except OSError as problem:
                raise OutputError(f"standard output cannot be written: {problem.strerror}") from problem
        return 0

    def _separate(self, job: Job, place: str) -> Result:
        try:
            with _Bar(f"{place}{job.source.name}", quiet=self._quiet) as bar:
                source = sys.stdin.buffer if job.source == _STDIN else job.source
                bar.mixture = mixture = self._separator.open(source, start=self._start, duration=self._duration)
                return self._separator.run(job, self._options, mixture, progress=bar.update)
        except KeyboardInterrupt:  # typer exits with 130
            error(f"stopped; nothing was written for {job.source}, the songs before it are complete")
            raise


class _Bar:
    """A live bar with speed and time left in a terminal, nothing elsewhere."""

    def __init__(self, title: str, *, quiet: bool) -> None:
        self.mixture: Mixture | None = None  # its length is known once the separation has begun
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=human,
            transient=True,  # the song's line takes its place
            disable=quiet or not human.is_terminal,
        )
        self._task = self._progress.add_task(escape(printable(title)), total=1.0, speed="")
        self._began = time.monotonic()

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, fraction: float, seconds_left: float | None) -> None:
        if self._progress.disable or self.mixture is None:
            return
        elapsed = time.monotonic() - self._began
        speed = fraction * self.mixture.seconds / elapsed
        self._progress.update(self._task, completed=fraction, speed=f"{speed:.0f}x")


class _Report:
    """Prints one line per song, and counts."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.failures = 0
        self._as_json = as_json
        self._quiet = quiet
        self._done = 0
        self._skipped = 0

    def done(self, job: Job, result: Result, seconds: float) -> None:
        self._done += 1
        for text in result.warnings:
            warning(text)
        if self._as_json:
            self._print(
                job.source,
                "done",
                outputs={name: str(path) for name, path in result.outputs.items()},
                sample_rate=result.sample_rate,
                seconds=round(result.seconds, 3),
                elapsed=round(seconds, 3),
                gain_db=round(decibels(result.gain), 2),
                warnings=result.warnings,
            )
            return
        speed = result.seconds / seconds if seconds else 0.0
        text = f"{job.source}: {clock(result.seconds)} in {seconds:.1f} s ({speed:.1f}x)"
        if result.gain != 1:
            text += f", all stems attenuated by {-decibels(result.gain):.1f} dB so that none clips"
        self._tell(f"{text} -> {next(iter(result.outputs.values())).parent}")

    def skipped(self, job: Job) -> None:
        self._skipped += 1
        if self._as_json:
            self._print(job.source, "skipped", outputs={name: str(path) for name, path in job.outputs.items()})
        else:
            self._tell(f"{job.source}: skipped, all its stems exist")

    def failed(self, source: Path, problem: PartitaError) -> None:
        self.failures += 1
        error(str(problem))
        if self._as_json:
            self._print(source, "failed", error=str(problem))

    def left_out(self, folder: Path, count: int) -> None:
        if count:
            self._tell(f"{folder}: left out {count} stem{'s' if count > 1 else ''} that an earlier run wrote")

    def summarise(self) -> None:
        total = self._done + self._skipped + self.failures
        if total > 1:
            skipped = f", {self._skipped} skipped" if self._skipped else ""
            failed = f", {self.failures} failed" if self.failures else ""
            self._tell(f"{self._done} of {total} songs separated{skipped}{failed}")

    def _tell(self, text: str) -> None:
        if not self._quiet:
            human.print(printable(text), markup=False, soft_wrap=True)

    def _print(self, source: Path, state: str, **facts: Any) -> None:
        typer.echo(json.dumps({"input": str(source), "state": state, **facts}))
