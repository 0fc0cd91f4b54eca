"""`partita data`."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partita.cli.console import human, printable, stem_names

if TYPE_CHECKING:
    from partita.data.check import SongReport

__all__ = ["data"]

data = typer.Typer(name="data", help="Look after data sets of songs.", no_args_is_help=True)


@data.callback()
def _data() -> None:
    pass  # makes "check" a command of its own, though it is the only one


@data.command()
def check(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", exists=True, file_okay=False, help="Folders of songs.")
    ],
    sources: Annotated[
        str | None, typer.Option(help="Names of the stems, such as drums,bass; by default all there are.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Songs read at once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what is wrong with songs: files that are damaged, differ in form, are silent, clipped or doubled.

    Exits with 0 if nothing is wrong, with 1 if something is.
    """
    from rich.progress import Progress

    from partita.data.check import check_data

    names = stem_names("--sources", sources)
    with Progress(console=human, transient=True, disable=as_json or not human.is_terminal) as progress:
        task = progress.add_task("reading songs", total=None)
        reports = check_data(
            folders, names, jobs=jobs, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    if as_json:
        typer.echo(json.dumps({"version": 1, "songs": [_facts(report) for report in reports]}, indent=1))
    else:
        _print_table(reports)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


def _facts(report: SongReport) -> dict[str, Any]:
    return {
        "path": str(report.path),
        "tracks": {
            name: {
                "samples": track.samples,
                "sample_rate": track.sample_rate,
                "channels": track.channels,
                "peak_db": _decibels(track.peak),
                "rms_db": _decibels(track.rms),
            }
            for name, track in report.tracks.items()
        },
        "mixture_error_db": report.mixture_error and round(report.mixture_error, 1),
        "problems": [{"kind": problem.kind, "message": problem.message} for problem in report.problems],
    }


def _print_table(reports: list[SongReport]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    known = dict.fromkeys(name for report in reports for name in (*report.tracks, *report.unreadable))
    stems = [*(name for name in known if name != "mixture"), *(["mixture"] if "mixture" in known else [])]
    table = Table(box=None, caption="stems: level in dB (root mean square)", caption_justify="left")
    table.add_column("song", overflow="fold")
    for column in ("length", "Hz", "channels", *(escape(printable(name)) for name in stems)):
        table.add_column(column, justify="right")
    table.add_column("")
    for report in reports:
        tracks = report.tracks.values()
        table.add_row(
            escape(printable(report.path.name)),
            _span({_clock(track.samples / track.sample_rate) for track in tracks}),
            _span({str(track.sample_rate) for track in tracks}),
            _span({str(track.channels) for track in tracks}),
            *(_cell(report, name) for name in stems),
            "[red]" + ", ".join(dict.fromkeys(p.kind for p in report.problems)) + "[/]" if report.problems else "ok",
        )
    console.print(table)
    bad = [report for report in reports if report.problems]
    for report in bad:
        for problem in report.problems:
            console.print(
                f"[red]{escape(printable(str(report.path)))}[/]: {escape(printable(problem.message))}", soft_wrap=True
            )
    kinds = Counter(kind for report in bad for kind in dict.fromkeys(problem.kind for problem in report.problems))
    seconds = sum(max((t.samples / t.sample_rate for t in report.tracks.values()), default=0) for report in reports)
    summary = f"{len(reports)} songs, {seconds / 3600:.2f} h; "
    summary += ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common()) or "nothing is wrong"
    console.print(summary)


def _cell(report: SongReport, name: str) -> str:
    if name in report.unreadable:
        return "[red]unreadable[/]"
    if name not in report.tracks:
        return "-"
    level = _decibels(report.tracks[name].rms)
    return "silent" if level is None else f"{level:.1f}"


def _span(values: set[str]) -> str:
    return " / ".join(sorted(values))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"


def _decibels(value: float) -> float | None:
    return round(20 * math.log10(value), 1) if value else None
