"""`partita models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from partita.cli.console import cell, human, print_table, printable
from partita.cli.downloads import Offline, obtain

if TYPE_CHECKING:
    from partita.zoo import Bag, ModelInfo, Package

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
    from partita.zoo import list_models as every_model

    found = every_model()
    if as_json:
        typer.echo(json.dumps([_facts(model) for model in found], indent=1))
        return
    _print_present([model for model in found if model.status != "available"])
    _print_available([model for model in found if model.status == "available"])
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
    """Install a model from a checkpoint of Demucs (2019 to 2022), Conv-TasNet or Open-Unmix; it is never executed."""
    from partita.zoo.imports import import_checkpoint

    _report(import_checkpoint(files[0] if len(files) == 1 else files, name))


@models.command()
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a model, or folder of a package.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.")],
    form: Annotated[
        Literal["onnx", "safetensors", "torchscript"],
        typer.Option("--to", help="Form of the file.", show_default=False),
    ],
    offline: Offline = False,
) -> None:
    """Write a model as DIR/NAME.onnx, .safetensors or .pt for other tools.

    What was written is compared with the model first.
    """
    from partita.errors import ModelError
    from partita.system.extras import missing_extra
    from partita.zoo import Bag, Package
    from partita.zoo import list_models as every_model

    members = [member for model in every_model() if model.name == name for member in model.members]
    package = None if members else obtain(name, offline=offline)
    if isinstance(package, Bag):
        members = [member.name for member in package.members]
    if not isinstance(package, Package):
        raise ModelError(f"{name}: several models, not one; export one of them: {', '.join(members)}")
    try:
        from partita.zoo.formats import export_model
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("export", error.name or "onnx")) from error
    for path in export_model(package, form, folder):
        human.print(f"{printable(str(path))}: {path.stat().st_size / 1e6:.1f} MB", markup=False, soft_wrap=True)


@models.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of installed models.")],
) -> None:
    """Remove installed models; those that a bag consists of stay."""
    from partita.zoo.registry import remove_model

    for name in names:
        members = remove_model(name)
        human.print(f"removed {name}", markup=False)
        if members:
            human.print(f"its models stay; remove them with partita models remove {' '.join(members)}", markup=False)


def _report(model: Package | Bag) -> None:
    name = model.folder.name
    human.print(f"{name}: {model.size / 1e6:.0f} MB in {printable(str(model.folder))}", markup=False, soft_wrap=True)
    human.print(f"use it with partita separate -m {name}", markup=False)


def _facts(model: ModelInfo) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": model.name,
        "status": model.status,
        "description": model.description,
        "licence": model.licence,
        "bytes": model.size,
        "sources": list(model.sources),
    }
    if model.members:
        facts["members"] = list(model.members)
    if model.files:
        facts["files"] = [{"url": file.url, "sha256": file.sha256} for file in model.files]
    if card := model.card:
        facts |= {
            "architecture": card.architecture,
            "parameters": card.parameters,
            "sample_rate": card.sample_rate,
            "scores": card.scores,
        }
    return facts


def _size(model: ModelInfo) -> str:
    return f"{model.size / 1e6:.0f} MB" if model.size else ""


def _print_present(present: list[ModelInfo]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for column in ("model", "", "size"):
        table.add_column(column, no_wrap=True)
    for column in ("sources", "scores", "licence", "description"):
        table.add_column(column, min_width=12, overflow="fold")  # an SPDX identifier, a score
    definitions = set()
    for model in present:
        scores = model.card.scores if model.card else {}
        definitions |= {scores[key] for key in ("definition",) if key in scores}
        table.add_row(
            cell(model.name),
            model.status,
            _size(model),
            cell(", ".join(model.sources)),
            Text("\n".join(f"{printable(source)} {value:.1f} dB" for source, value in scores.get("sdr", {}).items())),
            cell(model.licence),
            cell(model.description),
        )
    print_table(table)
    for definition in sorted(definitions):
        typer.echo(f"scores: {definition}")


def _print_available(available: list[ModelInfo]) -> None:
    from rich.table import Table

    if available:
        typer.echo("\navailable, with partita models get NAME:")
    for licence in dict.fromkeys(model.licence for model in available):
        table = Table(box=None, show_header=False)
        for column in ("model", "size"):
            table.add_column(column, no_wrap=True)
        table.add_column("sources")
        table.add_column("description")
        for model in available:
            if model.licence == licence:
                table.add_row(*map(cell, (model.name, _size(model), ", ".join(model.sources), model.description)))
        print_table(table)
        typer.echo(f"  licence of the above: {licence}\n")


def _print_oracles() -> None:
    from partita.evaluation.oracles import ORACLES

    typer.echo("oracles, for partita evaluate only, because they need the true stems:")
    for oracle in ORACLES.values():
        typer.echo(f"  {oracle.name:8} {oracle.description}")
