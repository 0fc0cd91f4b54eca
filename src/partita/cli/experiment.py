"""`partita experiment run` and `partita experiment table`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partita.errors import ConfigError
from partita.system.extras import needs_extra

if TYPE_CHECKING:
    from partita.experiment import Experiment

__all__ = ["experiment"]

experiment = typer.Typer(help="Compare systems: train them, score them, print the table.", no_args_is_help=True)

_Plan = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The systems to compare.")]
_Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the trained systems and their scores.")]


@experiment.command()
def run(
    plan: _Plan,
    data: Annotated[
        list[str], typer.Option(metavar="DIR[=WEIGHT]", help="Folder of songs to train on; may be repeated.")
    ],
    valid: Annotated[list[Path], typer.Option(help="Folder of songs to validate on; may be repeated.")],
    test: Annotated[list[Path], typer.Option(help="Folder of songs to score on; may be repeated.")],
    out: _Out = Path("runs/experiment"),
    cache: Annotated[Path | None, typer.Option(help="Folder of decoded songs (default: OUT/cache).")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM", help="Run only this system; may be repeated (default: all).")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Number of songs to score at the same time.")] = 1,
) -> None:
    """Train and score the systems that have not been yet; after an interruption, run it again to resume."""
    compared = _load(plan)
    from partita.cli import console
    from partita.data import parse_roots
    from partita.experiment import run_experiment

    if not all(word.strip() for word in data):
        raise ConfigError("--data: is empty; give a folder of songs")
    failures = run_experiment(
        compared,
        data=parse_roots(data),
        valid=valid,
        test=test,
        out=out,
        cache=cache,
        only=only or (),
        jobs=jobs,
        progress=lambda text: console.human.print(console.printable(text), markup=False),
    )
    for name, why in failures.items():
        console.error(f"{name}: {why}")
    raise typer.Exit(1 if failures else 0)


@experiment.command()
def table(
    plan: _Plan,
    out: _Out = Path("runs/experiment"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Print the scores of an experiment next to the paper's figures."""
    compared = _load(plan)
    from rich.table import Table

    from partita.cli.console import cell, print_table
    from partita.experiment import as_markdown, load_scores, table_of

    found = load_scores(compared, out)
    if not found:
        raise ConfigError(f"{out}: holds no scores of this experiment yet; make them with partita experiment run")
    for test, scores in found.items():
        head, rows = table_of(compared, scores, out)
        title = f"{compared.title}; SDR (BSSEval v4) in dB on {test}"
        if markdown:
            typer.echo(f"{title}\n\n{as_markdown(head, rows)}\n")
            continue
        typer.echo(title)
        grid = Table(box=None)
        for index, name in enumerate(head):
            grid.add_column(cell(name), justify="right" if index else "left", no_wrap=True)
        for row in rows:
            grid.add_row(*map(cell, row))
        print_table(grid)


def _load(plan: Path) -> Experiment:
    with needs_extra("train,evaluate"):
        from partita.experiment import load_experiment

        return load_experiment(plan)
