"""Where the time of a separation goes: ONNX Runtime's operators, and everything outside its graphs.

    pip install ".[export]" --constraint constraints.txt
    python benchmarks/separation_profile.py --against REVISION --json results.json

Noise is separated from memory twice, and the second time is reported, which has no first-time costs. ONNX Runtime
profiles every graph that partita runs, whatever the package contains; its profiler costs some percent. "Graphs" is the
time in which at least one graph runs; where several run at once, the times of their operators add up to more.
"Outside the graphs" is the rest: blending, resampling, Python. The share of the machine's peak is explained in
``arithmetic.py`` and needs torch.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from argparse import SUPPRESS
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from arithmetic import describe_share, multiply_adds, peak_gflops
from measure import (
    RATE,
    Run,
    append_record,
    machine,
    option_parser,
    report_worker,
    run_worker,
    timed,
)
from packages import RANDOM, package_of
from trees import compared_trees

LEAST_SHARE = 0.005  # of the time in graphs; operators below it are summed

_MICROSECONDS = 10**6
_CONTAINERS = ("If", "Loop", "Scan")  # the operators in their bodies are listed themselves


def work(model: str, seconds: int) -> None:
    """Separate noise with profiled sessions, and report the time of each type of operator."""
    from partita import Separator
    from partita.system.onnx_runtime import onnxruntime

    with tempfile.TemporaryDirectory(prefix="partita-") as folder:
        sessions: list[Any] = []

        class ProfiledSession(onnxruntime.InferenceSession):
            def __init__(self, path: object, sess_options: Any = None, *arguments: Any, **options: Any) -> None:
                sess_options = sess_options or onnxruntime.SessionOptions()
                sess_options.enable_profiling = True
                sess_options.profile_file_prefix = str(Path(folder) / f"session-{len(sessions)}")
                super().__init__(path, sess_options, *arguments, **options)
                sessions.append(self)

        onnxruntime.InferenceSession = ProfiledSession
        separator = Separator(model)
        mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, seconds * RATE)).astype(np.float32)
        separator.separate(mixture)
        began = time.time_ns()
        with timed() as run:
            separator.separate(mixture)
        events = [event for session in sessions for event in events_after(began, session)]
    runs = [(event["ts"], event["ts"] + event["dur"]) for event in events if event["name"] == "model_run"]
    operators: Counter[str] = Counter()
    for event in events:
        if event["name"].endswith("_kernel_time") and event["args"]["op_name"] not in _CONTAINERS:
            operators[event["args"]["op_name"]] += event["dur"]
    report_worker(
        **run,
        graph_seconds=covered(runs) / _MICROSECONDS,
        operators={name: duration / _MICROSECONDS for name, duration in operators.most_common()},
    )


def events_after(began: int, session: Any) -> Iterator[dict[str, Any]]:
    """End the profile of a session and yield its events since a system time in ns; their ``ts`` becomes absolute."""
    start = session.get_profiling_start_time_ns()
    for event in json.loads(Path(session.end_profiling()).read_text()):
        event["ts"] += start / 1000
        if event["ts"] * 1000 >= began:
            yield event


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of intervals ``(first, last)``."""
    total, end = 0.0, float("-inf")
    for first, last in sorted(intervals):
        total += max(0.0, last - max(first, end))
        end = max(end, last)
    return total


def describe(seconds: int, run: Run, operations: float | None, peak: float) -> Iterator[str]:
    """Yield lines on where the time of a run goes."""
    graph, busy = run["graph_seconds"], sum(run["operators"].values())
    for what, took in (("separation", run["seconds"]), ("graphs", graph)):
        share = describe_share(seconds / took, operations, peak)
        yield f"  {what:22s} {took:7.2f} s, {seconds / took:.1f}x real time, {share}"
    yield f"  {'outside the graphs':22s} {run['seconds'] - graph:7.2f} s"
    rest = 0.0
    for name, took in run["operators"].items():
        if took >= LEAST_SHARE * busy:
            yield f"    {name:20s} {took:7.2f} s, {took / busy:.1%} of the operators"
        else:
            rest += took
    yield f"    {'others':20s} {rest:7.2f} s, {rest / busy:.1%}"


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "SECONDS"), help=SUPPRESS)
    parser.add_argument(
        "--models",
        nargs="+",
        default=["default", "demucs64"],
        metavar="MODEL",
        help=f"names of models, folders of packages, or {', '.join(RANDOM)} (random weights)",
    )
    parser.add_argument("--seconds", type=int, default=60, help="length of the track")
    parser.add_argument("--against", metavar="REVISION", help="also profile this revision")
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="keep packages of random weights there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the results to this file")
    options = parser.parse_args()
    if options.worker:
        model, seconds = options.worker
        work(model, int(seconds))
        return

    print(machine())
    peak = peak_gflops()
    print(f"peak of float32 products: {peak:.0f} GFLOP/s")
    results = []
    with tempfile.TemporaryDirectory(prefix="partita-") as folder, compared_trees(options.against) as trees:
        for model, tree in itertools.product(options.models, trees):
            package = package_of(model, tree, options.packages or Path(folder))
            operations = multiply_adds(package_of(model, trees[0], options.packages or Path(folder)))
            run = run_worker(__file__, package, str(options.seconds), source=tree.source)
            print(f"{model}, {tree.name}", *describe(options.seconds, run, operations, peak), sep="\n", flush=True)
            facts = {"model": model, "tree": tree.name, "seconds": options.seconds, "multiply_adds": operations}
            results.append({**facts, "run": run})
        if options.json:
            revisions = {tree.name: tree.revision for tree in trees}
            append_record(options.json, "separation_profile", revisions=revisions, peak_gflops=peak, results=results)


if __name__ == "__main__":
    main()
