"""Figures and tables of what the separation benchmarks wrote with ``--json``.

    pip install ".[docs]" --constraint constraints.txt
    python benchmarks/plot_separation.py results.json --out docs/images

Draws the speed and the peak memory of whole files and the times of starting (``separation.py``), the same for the peers
(``separation_peers.py``), and where the time goes (``separation_profile.py``); prints Markdown tables of the first two.
Runs of the same case in several records are put together; of several profiles the last is drawn. Bars are medians with
the range of all runs, those of memory the largest peak.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from measure import Run, highest_peak, median_seconds, option_parser

mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "partita"})

THIS = "partita"  # this checkout among the contestants
LEAST_SHARE = 0.02  # of the operators; those below it are summed
SPEEDS = ("file", "warm", "")  # measures that give a speed; those of the peers have no name
BAR = 0.8  # height of a group of bars


class Case(NamedTuple):
    """What was measured; ``seconds`` is the length of the track, 0 if there is none."""

    model: str
    measure: str
    format: str
    seconds: int

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.model, self.measure, self.seconds and f"{self.seconds} s", self.format]))

    def speed(self, run: Run) -> float:
        """Return seconds of audio per second."""
        return float(self.seconds / run["seconds"])


# case -> contestant -> runs
Cases = Mapping[Case, Mapping[str, list[Run]]]


def collect(records: Iterable[dict[str, Any]], benchmark: str) -> Cases:
    """Return the runs of a benchmark's cases."""
    cases: dict[Case, dict[str, list[Run]]] = {}
    for record in records:
        for result in record["results"] if record["benchmark"] == benchmark else ():
            case = Case(result["model"], result.get("measure", ""), result.get("format", ""), result["seconds"])
            for name, runs in result["runs"].items():
                cases.setdefault(case, {}).setdefault(name, []).extend(runs)
    return cases


def bars(axes: Axes, cases: Cases, value: str) -> None:
    """Draw a group of horizontal bars for each case, one a contestant.

    Args:
        axes: Where to draw.
        cases: The runs.
        value: ``speed`` (times real time), ``seconds`` or ``memory`` (MiB).
    """
    names = [*dict.fromkeys(name for runs in cases.values() for name in runs)]
    names.sort(key=lambda name: name.startswith(THIS))  # what is compared with comes first
    for index, name in enumerate(names):
        at = [place for place, runs in enumerate(cases.values()) if name in runs]
        found = [(case, runs[name]) for case, runs in cases.items() if name in runs]
        if value == "memory":
            middles, spans = [highest_peak(runs) for _, runs in found], None
        else:
            values = [[case.speed(run) if value == "speed" else run["seconds"] for run in runs] for case, runs in found]
            middles = [statistics.median(each) for each in values]
            pairs = [*zip(middles, values, strict=True)]
            spans = [[middle - min(each) for middle, each in pairs], [max(each) - middle for middle, each in pairs]]
        height = BAR / len(names)
        places = [place - BAR / 2 + (index + 0.5) * height for place in at]
        drawn = axes.barh(places, middles, height, xerr=spans, label=name, error_kw={"linewidth": 0.8})
        axes.bar_label(drawn, fmt="%.3g" if value != "memory" else "%d", padding=4, fontsize=8)
    axes.set_yticks(range(len(cases)), map(str, cases))
    axes.invert_yaxis()
    axes.set_xlabel({"speed": "times real time", "seconds": "seconds", "memory": "peak memory in MiB"}[value])
    axes.margins(x=0.12)
    axes.legend(frameon=False, fontsize=8, ncols=len(names), bbox_to_anchor=(0, 1), loc="lower left")


def operators(axes: Axes, records: Iterable[dict[str, Any]]) -> None:
    """Draw for each profile how many seconds of the separation each type of operator took."""
    profiles = {
        f"{result['model']}, {result['tree']}": result
        for record in records
        if record["benchmark"] == "separation_profile"
        for result in sorted(record["results"], key=lambda result: result["tree"] == THIS)
    }
    parts: dict[str, dict[str, float]] = defaultdict(dict)
    for label, result in profiles.items():
        run, busy = result["run"], sum(result["run"]["operators"].values())
        scale = run["graph_seconds"] / busy / result["seconds"]  # operators of concurrent graphs share the time
        for name, took in run["operators"].items():
            shown = name if took >= LEAST_SHARE * busy else "other operators"
            parts[shown][label] = parts[shown].get(label, 0) + 1000 * took * scale
        parts["outside the graphs"][label] = 1000 * (run["seconds"] - run["graph_seconds"]) / result["seconds"]
    last = ("other operators", "outside the graphs")
    ends = dict.fromkeys(profiles, 0.0)
    order = sorted(parts, key=lambda name: (last.index(name) + 1 if name in last else 0, -sum(parts[name].values())))
    for name, colour in zip(order, plt.get_cmap("tab20").colors, strict=False):
        widths = [parts[name].get(label, 0.0) for label in profiles]
        axes.barh([*profiles], widths, BAR / 1.5, left=[*ends.values()], label=name, color=colour)
        ends = {label: end + width for (label, end), width in zip(ends.items(), widths, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds per second of audio")
    axes.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")


def table(cases: Cases) -> str:
    """Return a Markdown table of the cases."""
    lines = ["| | | time | speed | processor time | peak memory | time / partita's |", "|---|---|---|---|---|---|---|"]
    for case, contestants in cases.items():
        for name, runs in contestants.items():
            seconds = median_seconds(runs)
            speed = f"{case.seconds / seconds:.1f}x real time" if case.measure in SPEEDS else ""
            used = statistics.median(run["cpu_seconds"] for run in runs)
            ratio = f"{seconds / median_seconds(contestants[THIS]):.2f}" if name != THIS else ""
            words = [str(case), name, f"{seconds:.2f} s", speed, f"{used:.2f} s", f"{highest_peak(runs)} MiB", ratio]
            lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="JSON files of the benchmarks")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the figures")
    parser.add_argument("--format", default="svg", choices=("svg", "png"), help="of the figures")
    options = parser.parse_args()

    records = [record for path in options.files for record in json.loads(path.read_text())]
    options.out.mkdir(parents=True, exist_ok=True)

    def draw(name: str, rows: int, plot: Any) -> None:
        figure, axes = plt.subplots(figsize=(8, 1.2 + 0.45 * rows), layout="constrained")
        plot(axes)
        path = options.out / f"{name}.{options.format}"
        figure.savefig(path, dpi=150, metadata={"Date": None} if options.format == "svg" else None)
        plt.close(figure)
        print(path)

    measured, peers = collect(records, "separation"), collect(records, "separation_peers")
    files = {case: runs for case, runs in measured.items() if case.measure == "file"}
    starts = {case: runs for case, runs in measured.items() if case.measure not in SPEEDS}
    for name, cases, value in (
        ("separation-speed", files, "speed"),
        ("separation-memory", files, "memory"),
        ("separation-start", starts, "seconds"),
        ("separation-peers", peers, "speed"),
        ("separation-peers-memory", peers, "memory"),
    ):
        if cases:
            rows = sum(map(len, cases.values()))
            draw(name, rows, lambda axes, cases=cases, value=value: bars(axes, cases, value))
    profiled = sum(len(record["results"]) for record in records if record["benchmark"] == "separation_profile")
    if profiled:
        draw("separation-operators", max(profiled, 5), lambda axes: operators(axes, records))
    for cases in filter(None, (measured, peers)):
        print(f"\n{table(cases)}")


if __name__ == "__main__":
    main()
