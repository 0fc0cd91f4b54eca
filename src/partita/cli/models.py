"""`partita models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from partita.cli.console import print_table

__all__ = ["models"]


def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models with their sources, size, licence and scores."""
    from rich.table import Table

    from partita.evaluation.oracles import ORACLES
    from partita.zoo import list_packages

    packages = list_packages()
    if as_json:
        facts = [
            {
                "name": package.card.name,
                "description": package.card.description,
                "architecture": package.card.architecture,
                "licence": package.card.licence,
                "bytes": package.size,
                "parameters": package.card.parameters,
                "sources": list(package.card.sources),
                "sample_rate": package.card.sample_rate,
                "scores": package.card.scores,
            }
            for package in packages
        ]
        typer.echo(json.dumps(facts, indent=1))
        return
    table = Table(box=None)
    for column in ("model", "size", "licence"):
        table.add_column(column, no_wrap=True)
    for column in ("sources", "scores", "description"):
        table.add_column(column)
    for package in packages:
        card = package.card
        sdr = card.scores.get("sdr", {})
        scores = "\n".join(f"{source} {value:.1f} dB" for source, value in sdr.items())
        table.add_row(
            card.name,
            f"{package.size / 1e6:.0f} MB",
            card.licence,
            ", ".join(card.sources),
            scores,
            card.description,
        )
    print_table(table)
    for definition in sorted({p.card.scores["definition"] for p in packages if "definition" in p.card.scores}):
        typer.echo(f"scores: {definition}")
    typer.echo("oracles, for partita evaluate only, because they need the true stems:")
    for oracle in ORACLES.values():
        typer.echo(f"  {oracle.name:8} {oracle.description}")
