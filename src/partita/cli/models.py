"""`partita models`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partita.cli.console import human, print_table, printable, warning
from partita.cli.downloads import Offline, obtain

if TYPE_CHECKING:
    from partita.zoo.bag import Bag
    from partita.zoo.package import Package
    from partita.zoo.published import PublishedModel

__all__ = ["models"]

models = typer.Typer(name="models", help="List, get, import and remove models.")


@models.callback(invoke_without_command=True)
def list_models(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List, get, import and remove models.

    Without a command, the models are listed: those that ship with partita, those that are installed, and those that can
    be downloaded.
    """
    if context.invoked_subcommand is not None:
        return
    from partita.zoo.published import published_models

    present = list(_present())
    names = {name for name, _, _ in present}
    available = [model for name, model in published_models().items() if name not in names]
    if as_json:
        facts = [{"status": status, **_facts(model)} for _, status, model in present]
        facts += [{"status": "available", **_published_facts(model)} for model in available]
        typer.echo(json.dumps(facts, indent=1))
        return
    _print_present(present)
    _print_available(available)
    _print_oracles()


@models.command()
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of published models.")],
    offline: Offline = False,
) -> None:
    """Download published models and install them.

    A download that was interrupted goes on where it stopped. Downloaded files are never executed.
    """
    for name in names:
        _report(obtain(name, offline=offline))


@models.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="A checkpoint; for Open-Unmix one for each source, or their folder."),
    ],
    name: Annotated[str | None, typer.Option(help="Name of the model (default: that of the file).")] = None,
) -> None:
    """Install a model from a checkpoint of Demucs, Conv-TasNet or Open-Unmix; it is never executed."""
    from partita.zoo.imports import import_checkpoint

    _report(import_checkpoint(files[0] if len(files) == 1 else files, name))


@models.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of installed models.")],
) -> None:
    """Remove installed models."""
    from partita.zoo.registry import remove_model

    for name in names:
        remove_model(name)
        human.print(f"removed {name}", markup=False)


def _report(model: Package | Bag) -> None:
    name = model.folder.name
    human.print(f"{name}: {model.size / 1e6:.0f} MB in {printable(str(model.folder))}", markup=False, soft_wrap=True)
    human.print(f"use it with partita separate -m {name}", markup=False)


def _present() -> Iterator[tuple[str, str, Package | Bag]]:
    """Yield name, status and model of what is on this machine; damaged models are warned about."""
    from partita.errors import ModelError
    from partita.zoo.registry import embedded_names, find_model, installed_names

    for status, names in (("embedded", embedded_names()), ("installed", installed_names())):
        for name in names:
            try:
                yield name, status, find_model(name)
            except ModelError as error:
                warning(str(error))


def _facts(model: Package | Bag) -> dict[str, Any]:
    from partita.zoo.bag import Bag

    if isinstance(model, Bag):
        return {
            "name": model.name,
            "description": model.description,
            "licence": model.licence,
            "bytes": model.size,
            "sources": list(model.sources),
            "members": [member.name for member in model.members],
            "scores": {},
        }
    card = model.card
    return {
        "name": card.name,
        "description": card.description,
        "architecture": card.architecture,
        "licence": card.licence,
        "bytes": model.size,
        "parameters": card.parameters,
        "sources": list(card.sources),
        "sample_rate": card.sample_rate,
        "scores": card.scores,
    }


def _published_facts(model: PublishedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "description": model.description,
        "licence": model.licence,
        "bytes": model.size,
        "files": [{"url": file.url, "sha256": file.sha256} for file in model.all_files],
    }


def _print_present(present: list[tuple[str, str, Package | Bag]]) -> None:
    from rich.table import Table

    table = Table(box=None)
    for column in ("model", "", "size"):
        table.add_column(column, no_wrap=True)
    for column in ("sources", "scores", "licence", "description"):
        table.add_column(column, min_width=12, overflow="fold")  # an SPDX identifier, a score
    definitions = set()
    for _, status, model in present:
        facts = _facts(model)
        sdr = facts["scores"].get("sdr", {})
        definitions |= {facts["scores"][key] for key in ("definition",) if key in facts["scores"]}
        table.add_row(
            facts["name"],
            status,
            f"{facts['bytes'] / 1e6:.0f} MB",
            ", ".join(facts["sources"]),
            "\n".join(f"{source} {value:.1f} dB" for source, value in sdr.items()),
            facts["licence"],
            facts["description"],
        )
    print_table(table)
    for definition in sorted(definitions):
        typer.echo(f"scores: {definition}")


def _print_available(available: list[PublishedModel]) -> None:
    from rich.table import Table

    if available:
        typer.echo("\navailable, with partita models get NAME:")
    for licence in dict.fromkeys(model.licence for model in available):
        table = Table(box=None, show_header=False)
        for column in ("model", "size"):
            table.add_column(column, no_wrap=True)
        table.add_column("description")
        for model in available:
            if model.licence == licence:
                size = f"{model.size / 1e6:.0f} MB" if model.size else ""
                table.add_row(model.name, size, model.description)
        print_table(table)
        typer.echo(f"  licence of the above: {licence}\n")


def _print_oracles() -> None:
    from partita.evaluation.oracles import ORACLES

    typer.echo("oracles, for partita evaluate only, because they need the true stems:")
    for oracle in ORACLES.values():
        typer.echo(f"  {oracle.name:8} {oracle.description}")
