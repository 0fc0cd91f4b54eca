"""`partita data`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partita.cli.console import cell, clock, human, labels, print_table, printable, stem_names

if TYPE_CHECKING:
    from partita.data import SongReport

__all__ = ["data"]

data = typer.Typer(name="data", help="Inspect data sets of songs.", no_args_is_help=True)


@data.callback()
def _data() -> None:
    pass  # makes "check" a subcommand, although it is the only one


@data.command()
def check(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Folders of songs.")
    ],
    sources: Annotated[
        str | None, typer.Option(help="Stems to check, such as drums,bass (default: all).", show_default=False)
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, help="Songs read in parallel (default: one for each core).", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check songs for problems: damaged files, unequal formats, silent stems, clipping, duplicates.

    A stem is silent if its RMS level is at most -95 dB, as in `partita evaluate`.

    Exits with 0 if there are no problems, otherwise with 1.
    """
    from rich.progress import Progress

    from partita.data import check_data

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
                "samples": stem.samples,
                "sample_rate": stem.sample_rate,
                "channels": stem.channels,
                "peak_db": _level(stem.peak),
                "rms_db": _level(stem.rms),
            }
            for name, stem in report.stems.items()
        },
        "mixture_error_db": None if report.mixture_error is None else round(report.mixture_error, 1),
        "problems": [{"kind": problem.kind, "message": problem.message} for problem in report.problems],
    }


def _print_table(reports: list[SongReport]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    known = dict.fromkeys(name for report in reports for name in (*report.stems, *report.unreadable))
    names = [*(name for name in known if name != "mixture"), *(["mixture"] if "mixture" in known else [])]
    table = Table(box=None, caption="stems: RMS level in dB", caption_justify="left")
    table.add_column("song", no_wrap=True)
    for column in map(cell, ("length", "Hz", "channels", *names)):
        table.add_column(column, justify="right")
    table.add_column("")
    for label, report in zip(labels([report.path for report in reports]), reports, strict=True):
        stems = report.stems.values()
        table.add_row(
            cell(label),
            _span({clock(stem.samples / stem.sample_rate) for stem in stems}),
            _span({str(stem.sample_rate) for stem in stems}),
            _span({str(stem.channels) for stem in stems}),
            *(_cell(report, name) for name in names),
            "[red]" + ", ".join(dict.fromkeys(p.kind for p in report.problems)) + "[/]" if report.problems else "ok",
        )
    print_table(table)
    bad = [report for report in reports if report.problems]
    for report in bad:
        for problem in report.problems:
            console.print(
                f"[red]{escape(printable(str(report.path)))}[/]: {escape(printable(problem.message))}", soft_wrap=True
            )
    kinds = Counter(kind for report in bad for kind in dict.fromkeys(problem.kind for problem in report.problems))
    seconds = sum(max((s.samples / s.sample_rate for s in report.stems.values()), default=0) for report in reports)
    songs = "1 song" if len(reports) == 1 else f"{len(reports)} songs"
    found = ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common()) or "no problems"
    console.print(f"{songs}, {seconds / 3600:.2f} h; {found}")


def _cell(report: SongReport, name: str) -> str:
    if name in report.unreadable:
        return "[red]unreadable[/]"
    if name not in report.stems:
        return "-"
    stem = report.stems[name]
    return "silent" if stem.silent else f"{_level(stem.rms)}"


def _span(values: set[str]) -> str:
    return " / ".join(sorted(values))


def _level(amplitude: float) -> float | None:
    """Return a level in dB, as JSON can hold it: ``None`` for digital silence."""
    from partita.audio import decibels

    return round(decibels(amplitude), 1) if amplitude else None
