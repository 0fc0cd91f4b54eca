"""`partita train`."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partita.system.extras import needs_extra

if TYPE_CHECKING:
    from partita.training import Trial

__all__ = ["train"]

_log = logging.getLogger("partita")


def _list(wanted: bool) -> None:
    if wanted:
        from rich.console import Console
        from rich.table import Table

        with needs_extra("train"):
            from partita.training import list_presets

        table = Table("preset", "description", box=None)
        for name, description in list_presets().items():
            table.add_row(name, description)
        Console(highlight=False).print(table)
        raise typer.Exit


def train(
    config: Annotated[str, typer.Argument(metavar="PRESET|CONFIG.toml", help="A preset (see --list) or a TOML file.")],
    data: Annotated[
        list[str], typer.Option(metavar="DIR[=WEIGHT]", help="Folder of songs to train on; may be repeated.")
    ],
    valid: Annotated[list[Path] | None, typer.Option(help="Folder of songs to validate on; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the run (default: runs/NAME).")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of decoded songs (default: RUN/cache).")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Change a field of the configuration."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of steps; short for --set optim.steps=N.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Dry run: two steps, one validation, one export; report memory and time."),
    ] = False,
    _: Annotated[bool, typer.Option("--list", callback=_list, is_eager=True, help="List the presets.")] = False,
) -> None:
    """Train a model. The folder of the run becomes a model package: partita separate -m RUN."""
    with needs_extra("train"):
        import partita.training.run  # noqa: F401 - whatever is missing is named before anything is decoded
        from partita.training import find_config, has_checkpoint, try_run
        from partita.training import train as run
        from partita.training.progress import show_log
        from partita.training.start import is_first_process
    from partita.data import parse_roots

    overrides = [*(settings or []), *([] if steps is None else [f"optim.steps={steps}"])]
    chosen = find_config(config, overrides)
    roots = parse_roots(data)
    show_log(everything=is_first_process())
    if check:
        _print_trial(try_run(chosen, data=roots, valid=valid or []))
        return
    folder = out or Path("runs") / chosen.run.name
    try:
        package = run(chosen, data=roots, valid=valid or [], out=folder, cache=cache, resume=resume)
    except KeyboardInterrupt:
        if is_first_process() and has_checkpoint(folder):
            _log.info("to continue: %s", _resuming_command())
        raise
    if is_first_process():
        typer.echo(package.folder)


def _print_trial(trial: Trial) -> None:
    if trial.memory is not None:
        typer.echo(f"memory   {trial.memory / 2**30:.2f} GiB")
    if trial.device_memory is not None:
        typer.echo(f"CUDA     {trial.device_memory / 2**30:.2f} GiB")
    typer.echo(f"speed    {trial.speed:.1f} s of audio per second; {trial.step:.2f} s per step")
    typer.echo(f"run      {trial.steps} steps, about {trial.hours:.1f} h")
    typer.echo(f"package  {trial.package / 1e6:.1f} MB")


def _resuming_command() -> str:
    words = sys.argv[1:]
    return shlex.join(["partita", *words, *([] if "--resume" in words else ["--resume"])])
