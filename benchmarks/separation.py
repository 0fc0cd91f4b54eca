"""Time, processor time and peak memory of separating whole files, of this checkout and of an earlier revision.

    pip install ".[export]" --constraint constraints.txt
    python benchmarks/separation.py --against REVISION --json results.json

What is measured (``--measures``):

file
    The process ``partita separate FILE``, from its start to its end: decoding, separating and writing four wav files.
warm
    `Separator.separate_file` in a process that has loaded the model and separated one second.
start
    The process ``partita separate FILE`` with a file of one second.
first-block
    From the call of `Separator.stream` to its first block of stems, with a loaded model and the longest file.
help
    The process ``partita --help``.

The files are noise, or ``--song`` cut or repeated to the length. Each run is a process of its own. With ``--against``,
the revision is checked out into a temporary git worktree and uses the same Python environment; the two take turns.
Ratios are those of the medians, with the range over the rounds. Models with random weights (``demucs64`` is the paper's
with 64 channels) are exported by each revision, from the same seed. The share of the machine's peak is explained in
``arithmetic.py`` and needs torch.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import tempfile
from argparse import SUPPRESS, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from arithmetic import describe_share, multiply_adds, peak_gflops
from measure import (
    Run,
    alternate,
    append_record,
    describe_ratio,
    highest_peak,
    machine,
    median_seconds,
    option_parser,
    report_worker,
    run_command,
    run_worker,
    timed,
    write_track,
)
from packages import RANDOM, package_of
from trees import Tree, compared_trees

MEASURES = ("file", "warm", "start", "first-block", "help")
WHOLE_FILE = ("file", "warm")  # the measures that give a speed
SHORT = 1  # seconds of the file that start-up is measured with


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        measure: One of ``MEASURES``.
        model: As of ``--models``.
        format: Suffix of the file.
        seconds: Length of the file.
    """

    measure: str
    model: str = ""
    format: str = ""
    seconds: int = 0

    def __str__(self) -> str:
        if self.measure == "help":
            return "--help"
        return f"{self.model}, {self.measure}, {self.seconds} s of {self.format}"


def cases(options: Namespace) -> Iterator[Case]:
    """Yield what the options ask for."""
    for measure in options.measures:
        if measure == "help":
            yield Case(measure)
        elif measure in WHOLE_FILE:
            for model, seconds, suffix in itertools.product(options.models, options.seconds, options.formats):
                yield Case(measure, model, suffix, seconds)
        else:
            seconds = SHORT if measure == "start" else max(options.seconds)
            yield from (Case(measure, model, options.formats[0], seconds) for model in options.models)


class Bench:
    """Runs cases of some source trees, with the tracks, packages and outputs in a folder."""

    def __init__(self, folder: Path, trees: Sequence[Tree], options: Namespace) -> None:
        self._folder = folder
        self._song = options.song
        self._packages = options.packages or folder / "packages"
        self._outputs = {tree: folder / f"outputs-{index}" for index, tree in enumerate(trees)}
        self._words = {tree: {} for tree in trees}
        self._words[trees[0]] = dict(word.split("=", 1) for word in options.option)

    def measure(self, case: Case, runs: int) -> dict[str, list[Run]]:
        """Measure a case; the trees take turns. Before that, each runs once, so that no run is the first of its kind.

        Returns:
            The runs by name of the tree.
        """
        warm_up = case if case.measure == "help" else replace(case, measure="start", seconds=SHORT)
        for tree in self._outputs:
            self._run(warm_up, tree)
        return alternate({tree.name: partial(self._run, case, tree) for tree in self._outputs}, runs)

    def multiply_adds(self, model: str) -> float | None:
        """Return the multiply-adds of a model per second of audio, or None without torch."""
        return multiply_adds(package_of(model, next(iter(self._outputs)), self._packages))

    def difference(self) -> float:
        """Return how much the stems of the trees' last runs differ at most, relative to the peak of all."""
        peak = worst = 0.0
        one, other = self._outputs.values()
        for path in sorted(one.rglob("*.wav")):
            (same,) = other.rglob(path.name)
            first, second = (soundfile.read(file, dtype="float32")[0] for file in (path, same))
            peak = max(peak, float(np.abs(first).max()))
            worst = max(worst, float(np.abs(first - second).max()))
        return worst / peak if peak else 0.0

    def _run(self, case: Case, tree: Tree) -> Run:
        if case.measure == "help":
            return run_command(["--help"], tree.source)
        words, outputs = self._words[tree], self._outputs[tree]
        model, track = package_of(case.model, tree, self._packages), self._track(case.seconds, case.format)
        shutil.rmtree(outputs, ignore_errors=True)
        if case.measure in ("file", "start"):
            flags = [f"--{name.replace('_', '-')}={value}" for name, value in words.items()]
            return run_command(["separate", str(track), "--model", model, "--out", str(outputs), *flags], tree.source)
        paths = [str(path) for path in (track, self._track(SHORT, case.format), outputs)]
        return run_worker(__file__, case.measure, model, *paths, json.dumps(words), source=tree.source)

    def _track(self, seconds: int, suffix: str) -> Path:
        path = self._folder / f"track-{seconds}.{suffix}"
        if not path.exists():
            write_track(path, seconds, self._song)
        return path


def work(measure: str, model: str, track: Path, short: Path, outputs: Path, words: dict[str, str]) -> None:
    """Measure a loaded separator; ``words`` are its options as on the command line."""
    from partita import Separator

    separator = Separator(model, **{name: value_of(text) for name, text in words.items()})
    if measure == "first-block":
        with timed() as run:
            blocks = iter(separator.stream(track))
            next(blocks)
    else:
        with tempfile.TemporaryDirectory(prefix="partita-") as elsewhere:
            separator.separate_file(short, elsewhere)
        with timed() as run:
            separator.separate_file(track, outputs)
    report_worker(**run)


def value_of(text: str) -> Any:
    """Return the number that a text is, or the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def describe(case: Case, runs: dict[str, list[Run]], operations: float | None, peak: float) -> Iterator[str]:
    """Yield lines on the runs of a case, one a tree and one that compares them."""
    for name, found in runs.items():
        seconds = median_seconds(found)
        words = [f"{seconds:7.2f} s", f"{statistics.median(run['cpu_seconds'] for run in found):7.2f} s of processor"]
        words.append(f"peak {highest_peak(found)} MiB")
        if case.measure in WHOLE_FILE:
            words.append(f"{case.seconds / seconds:.1f}x real time")
            words.append(describe_share(case.seconds / seconds, operations, peak))
        yield f"  {name:12s} {', '.join(words)}"
    if len(runs) == 2:
        (this, runs_of_this), (other, runs_of_other) = runs.items()
        yield f"  {other} / {this} = {describe_ratio(runs_of_other, runs_of_this)}"


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=6, metavar="WORD", help=SUPPRESS)
    parser.add_argument("--measures", nargs="+", default=MEASURES, choices=MEASURES, help="what to measure")
    parser.add_argument(
        "--models",
        nargs="+",
        default=["default", "demucs64"],
        metavar="MODEL",
        help=f"names of models, folders of packages, or {', '.join(RANDOM)} (random weights)",
    )
    parser.add_argument("--formats", nargs="+", default=["wav", "mp3"], choices=("wav", "mp3"), help="of the files")
    parser.add_argument("--seconds", type=int, nargs="+", default=[120, 600], help="lengths of the files")
    parser.add_argument("--song", type=Path, help="file to repeat or cut to the lengths (default: noise)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each case and revision")
    parser.add_argument("--against", metavar="REVISION", help="also measure this revision")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of partita separate and of Separator, such as segment=5, for this checkout alone",
    )
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="keep packages of random weights there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add all runs to this file")
    options = parser.parse_args()
    if options.worker:
        measure, model, track, short, outputs, words = options.worker
        work(measure, model, Path(track), Path(short), Path(outputs), json.loads(words))
        return

    print(machine())
    peak = peak_gflops()
    print(f"peak of float32 products: {peak:.0f} GFLOP/s")
    with tempfile.TemporaryDirectory(prefix="partita-") as folder, compared_trees(options.against) as trees:
        bench = Bench(Path(folder), trees, options)
        results: list[dict[str, Any]] = []
        try:
            for case in cases(options):
                runs = bench.measure(case, options.runs)
                operations = bench.multiply_adds(case.model) if case.measure in WHOLE_FILE else None
                print(case, *describe(case, runs, operations, peak), sep="\n", flush=True)
                results.append({**asdict(case), "multiply_adds": operations, "runs": runs})
                if len(trees) == 2 and case.measure in WHOLE_FILE:
                    apart = results[-1]["difference"] = bench.difference()
                    print(f"  the stems differ by at most {apart:.0e} of the peak", flush=True)
        finally:  # an interrupted benchmark keeps what it has measured
            if options.json and results:
                revisions = {tree.name: tree.revision for tree in trees}
                append_record(options.json, "separation", revisions=revisions, peak_gflops=peak, results=results)


if __name__ == "__main__":
    main()
