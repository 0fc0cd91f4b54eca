"""`partita train`."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from partita.cli.console import printable
from partita.errors import ConfigError

__all__ = ["train"]


def _list(wanted: bool) -> None:
    if wanted:
        from rich.console import Console
        from rich.table import Table

        table = Table("preset", "what it is", box=None)
        for name, description in _imported().list_presets().items():
            table.add_row(name, description)
        Console(highlight=False).print(table)
        raise typer.Exit


def train(
    config: Annotated[str, typer.Argument(metavar="PRESET|CONFIG.toml", help="What to train, and how.")],
    data: Annotated[list[str], typer.Option(metavar="DIR[=WEIGHT]", help="Folder of songs; may be given again.")],
    valid: Annotated[list[Path] | None, typer.Option(help="Folder of songs to validate on.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/NAME by default.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where decoded songs are kept; RUN/cache by default.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Change a field.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Try everything once; tell memory and time.")] = False,
    _: Annotated[bool, typer.Option("--list", callback=_list, is_eager=True, help="List the presets.")] = False,
) -> None:
    """Train a model; the run's folder ends as a model package."""
    presets = _imported()
    from partita.data import parse_roots

    overrides = [*(settings or []), *([] if steps is None else [f"optim.steps={steps}"])]
    chosen = presets.find_config(config, overrides)
    roots = parse_roots(data)
    _show_log()
    if check:
        from partita.training.trial import try_run

        trial = try_run(chosen, data=roots, valid=valid or [])
        if trial.memory is not None:
            typer.echo(f"memory   {trial.memory / 2**30:.2f} GiB")
        if trial.device_memory is not None:
            typer.echo(f"CUDA     {trial.device_memory / 2**30:.2f} GiB")
        typer.echo(f"speed    {trial.speed:.1f} s of audio a second; a step takes {trial.step:.2f} s")
        typer.echo(f"run      {trial.steps} steps, about {trial.hours:.1f} h")
        typer.echo(f"package  {trial.package / 1e6:.1f} MB")
        return

    from partita.training.run import is_first_process
    from partita.training.run import train as run

    if not is_first_process():
        logging.getLogger("partita").setLevel(logging.ERROR)
    folder = out or Path("runs") / chosen.run.name
    package = run(chosen, data=roots, valid=valid or [], out=folder, cache=cache, resume=resume)
    if is_first_process():
        typer.echo(package.folder)


def _imported() -> ModuleType:
    try:
        from partita.training import presets
    except ModuleNotFoundError as error:
        raise ConfigError(f"training needs {error.name}: pip install 'partita[train]'") from error
    return presets


class _Lines(logging.Handler):
    """Prints the log, above the line that moves."""

    def emit(self, record: logging.LogRecord) -> None:
        from partita.training.progress import console

        line = f"{time.strftime('%H:%M:%S')} {printable(record.getMessage())}"
        console.print(line, markup=False, soft_wrap=True)


def _show_log() -> None:
    log = logging.getLogger("partita")
    log.addHandler(_Lines())
    log.setLevel(logging.INFO)
