"""`partita experiment run` and `partita experiment table`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from partita.errors import ConfigError

__all__ = ["experiment"]

experiment = typer.Typer(help="Compare systems: train them, score them, print the table.", no_args_is_help=True)

_Plan = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="What is compared.")]
_Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs and scores.")]


@experiment.command()
def run(
    plan: _Plan,
    data: Annotated[list[str], typer.Option(metavar="DIR[=WEIGHT]", help="Folder of songs; may be given again.")],
    valid: Annotated[list[Path], typer.Option(help="Folder of songs that choose the best state; may be given again.")],
    test: Annotated[list[Path], typer.Option(help="Folder of songs to score on; may be given again.")],
    out: _Out = Path("runs/experiment"),
    cache: Annotated[Path | None, typer.Option(help="Where decoded songs are kept; OUT/cache by default.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="SYSTEM", help="This system; may be given again.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Songs scored at the same time.")] = 1,
) -> None:
    """Train what is not trained yet, score what has no scores yet; run again after an interruption, it goes on."""
    compared = _load(plan)
    from partita.cli import console
    from partita.data import parse_roots
    from partita.experiment.run import run_experiment

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
    """Print the table of what has been scored, beside the paper's figures."""
    compared = _load(plan)
    from rich.console import Console
    from rich.table import Table

    from partita.experiment.run import load_scores
    from partita.experiment.table import as_markdown, table_of

    found = load_scores(compared, out)
    if not found:
        raise ConfigError(f"{out}: holds no scores of this experiment yet; partita experiment run makes them")
    for test, scores in found.items():
        head, rows = table_of(compared, scores, out)
        title = f"{compared.title}; SDR (BSSEval v4) in dB on {test}"
        if markdown:
            typer.echo(f"{title}\n\n{as_markdown(head, rows)}\n")
            continue
        console = Console(highlight=False)
        console.print(title, markup=False)
        grid = Table(box=None)
        for index, name in enumerate(head):
            grid.add_column(name, justify="right" if index else "left")
        for row in rows:
            grid.add_row(*row)
        console.print(grid)


def _load(plan: Path) -> Any:
    try:
        from partita.experiment.plan import load_experiment
    except ModuleNotFoundError as error:
        raise ConfigError(f"experiments need {error.name}: pip install 'partita[train,evaluate]'") from error
    return load_experiment(plan)
