"""The commands put together, and what becomes of their errors."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from partita.cli import console
from partita.cli.data import data
from partita.cli.doctor import doctor
from partita.cli.evaluate import evaluate
from partita.cli.experiment import experiment
from partita.cli.models import models
from partita.cli.separate import separate
from partita.cli.train import train
from partita.errors import ConfigError, PartitaError
from partita.system.allocator import keep_freed_memory

__all__ = ["app", "main"]

_SWITCH_INTERVAL = 5e-4  # seconds

app = typer.Typer(
    name="partita",
    help="Separate music into its parts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (separate, evaluate, doctor, train):
    app.command()(command)
app.add_typer(models)
app.add_typer(data)
app.add_typer(experiment, name="experiment")


def _print_version(wanted: bool) -> None:
    if wanted:
        import partita

        typer.echo(f"partita {partita.__version__}")
        raise typer.Exit


@app.callback()
def _partita(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    if context.invoked_subcommand in ("evaluate", "experiment"):  # separation alone keeps memory in an arena
        keep_freed_memory()


def main() -> None:
    """Run the command line; a :class:`PartitaError` becomes one line and an exit code, never a traceback."""
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # schedulers and containers send it; it ends a command as Ctrl-C does
    # threads that run a model wait less for the interpreter, which other threads hold while they read and write audio
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        app()
    except ConfigError as error:
        console.error(str(error))
        sys.exit(2)
    except PartitaError as error:
        console.error(str(error))
        sys.exit(1)
    except BrokenPipeError:  # whoever read our output has closed it
        sys.stderr.close()
        sys.exit(1)
