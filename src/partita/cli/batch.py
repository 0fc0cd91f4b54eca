"""A batch of separations, reported in a terminal, in a log or as JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from partita.audio.level import decibels
from partita.cli.console import clock, error, human, printable, warning
from partita.errors import Cancelled, ConfigError, OutputError, PartitaError, unexpected
from partita.separation import (
    Job,
    Mixture,
    OutputOptions,
    Result,
    Separator,
    UnfinishedJob,
    find_inputs,
    plan_jobs,
    without_earlier_outputs,
)
from partita.system.private import private_folder

__all__ = ["Batch", "check_stdout"]

_STDIN = Path("-")


class Batch:
    """Separates inputs in their order; one that fails does not stop the others.

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
        report.warn(self._separator.warnings)
        self._separate_all(jobs, report)
        report.summarise()
        return report.failures

    def run_to_stdout(self, inputs: Sequence[Path]) -> int:
        """Separate one input and write its only stem to standard output; return 0.

        Raises:
            PartitaError: The input cannot be separated.
            ConfigError: As of :func:`check_stdout`.
        """
        names = self._options.names(self._separator.sources)
        check_stdout(inputs, names, as_json=self._as_json)
        if sys.stdout is None:
            raise OutputError("standard output is closed; open it, or write files with -o FOLDER")
        with private_folder(Path(tempfile.gettempdir())) as folder:
            path = folder / f"stem.{self._options.format}"
            job = Job(inputs[0], {names[0]: path})
            try:
                result = self._separate(job, self._open(job), "").finish()
            except KeyboardInterrupt:
                _report_interruption(job)
                raise
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

    def _separate_all(self, jobs: Sequence[Job], report: _Report) -> None:
        """Separate a song while the next one is read and the files of the one before it are finished."""
        stop = Event()
        finished = 0

        def finish(job: Job, separated: UnfinishedJob | PartitaError | None, began: float) -> None:
            nonlocal finished
            if separated is None:
                report.skipped(job)
            elif isinstance(separated, PartitaError):
                report.failed(job.source, separated)
            else:
                try:
                    result = separated.finish(stop)
                except Cancelled:
                    return
                except Exception as problem:
                    report.failed(job.source, _error_of(job, problem))
                else:
                    report.done(job, result, time.monotonic() - began)
            finished += 1

        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as finisher:
            behind: Future[None] | None = None
            try:
                for number, (job, mixture) in enumerate(self._mixtures(jobs, reader, stop), 1):
                    began = time.monotonic()
                    separated: UnfinishedJob | PartitaError | None = None
                    try:
                        if isinstance(mixture, Mixture):
                            separated = self._separate(job, mixture, f"{number}/{len(jobs)} " if len(jobs) > 1 else "")
                        else:
                            separated = mixture
                    except Exception as problem:
                        separated = _error_of(job, problem)
                    if behind is not None:  # no more than one waits for its end
                        behind.result()
                    behind = finisher.submit(finish, job, separated, began)
                if behind is not None:
                    behind.result()
            except BaseException as interruption:
                stop.set()
                finisher.shutdown()
                if isinstance(interruption, KeyboardInterrupt) and finished < len(jobs):  # typer exits with 130
                    _report_interruption(jobs[finished])
                raise

    def _mixtures(
        self, jobs: Sequence[Job], reader: Executor, stop: Event
    ) -> Iterator[tuple[Job, Mixture | PartitaError | None]]:
        """Yield each job with its mixture, the error of opening it, or None if it is to be skipped.

        While the caller works on one, the next one is opened and measured in another thread.
        """

        def prepare(job: Job, *, measured: bool) -> Mixture | PartitaError | None:
            if self._skip_existing and job.done:
                return None
            try:
                if not self._options.overwrite:
                    job.refuse_existing()
                mixture = self._open(job)
                if measured:
                    mixture.measure(stop)
            except Exception as problem:
                return _error_of(job, problem)
            return mixture

        ahead: Future[Mixture | PartitaError | None] | None = None
        for index, job in enumerate(jobs):
            mixture = prepare(job, measured=False) if ahead is None else ahead.result()
            ahead = None  # reading a pipe could block the thread for ever
            if index + 1 < len(jobs) and os.path.isfile(jobs[index + 1].source):  # noqa: PTH113 - for impossible names
                ahead = reader.submit(prepare, jobs[index + 1], measured=True)
            yield job, mixture

    def _open(self, job: Job) -> Mixture:
        source = sys.stdin.buffer if job.source == _STDIN else job.source
        return self._separator.open(source, start=self._start, duration=self._duration)

    def _separate(self, job: Job, mixture: Mixture, place: str) -> UnfinishedJob:
        with _Bar(f"{place}{job.source.name}", mixture, quiet=self._quiet) as bar:
            return self._separator.begin(job, self._options, mixture, progress=bar.update)


def _error_of(job: Job, problem: Exception) -> PartitaError:
    """Return the error of an input: whatever goes wrong with it, the others are separated."""
    return unexpected(str(job.source), problem)


def check_stdout(inputs: Sequence[Path], names: Sequence[str], *, as_json: bool) -> None:
    """Check that outputs can be written to standard output.

    Raises:
        ConfigError: There is more than one input or stem, or JSON is to be printed too.
    """
    if len(inputs) != 1 or len(names) != 1 or as_json:
        raise ConfigError("-o -: standard output takes one stem of one input and no --json; choose it with --stems")


def _report_interruption(job: Job) -> None:
    error(f"stopped; nothing was written for {job.source}, the songs before it are complete")


class _Bar:
    """A live bar with speed and time left in a terminal, nothing elsewhere."""

    def __init__(self, title: str, mixture: Mixture, *, quiet: bool) -> None:
        self._mixture = mixture
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=human,
            transient=True,  # the song's line takes its place
            disable=quiet or not human.is_terminal,
        )
        self._task = self._progress.add_task(printable(title), total=1.0, speed="")
        self._began = time.monotonic()

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, fraction: float, seconds_left: float | None) -> None:
        if self._progress.disable:
            return
        elapsed = time.monotonic() - self._began
        speed = fraction * self._mixture.seconds / elapsed
        self._progress.update(self._task, completed=fraction, speed=f"{speed:.0f}x")


class _Report:
    """Prints one line per song, and counts."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.failures = 0
        self._as_json = as_json
        self._quiet = quiet
        self._done = 0
        self._skipped = 0
        self._warned: set[str] = set()

    def warn(self, warnings: Iterable[str]) -> None:
        """Print each warning once."""
        for text in warnings:
            if text not in self._warned:
                self._warned.add(text)
                warning(text)

    def done(self, job: Job, result: Result, seconds: float) -> None:
        self._done += 1
        self.warn(result.warnings)
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
