"""`partita train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from partita.errors import ConfigError

__all__ = ["train"]


def train(
    config: Annotated[Path, typer.Argument(help="A training configuration in TOML.")],
    data: Annotated[list[Path], typer.Option(help="Folder of songs to train on; may be given again.")],
    valid: Annotated[list[Path] | None, typer.Option(help="Folder of songs to validate on.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")] = Path("runs/default"),
    cache: Annotated[Path | None, typer.Option(help="Where decoded songs are kept.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
) -> None:
    """Train a model; the run's folder ends as a model package."""
    try:
        from partita.training.config import load_config
        from partita.training.run import train as run
    except ModuleNotFoundError as error:
        raise ConfigError(f"training needs {error.name}: pip install 'partita[train]'") from error

    settings = load_config(config)
    if steps is not None:
        settings = settings.model_copy(update={"optim": settings.optim.model_copy(update={"steps": steps})})
    package = run(settings, data=data, valid=valid or [], out=out, cache=cache, resume=resume)
    typer.echo(package.folder)
