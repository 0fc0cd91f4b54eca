"""The commands put together, and what becomes of their errors."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

from partita.cli import console
from partita.cli.data import data
from partita.cli.demucs import demucs
from partita.cli.doctor import doctor
from partita.cli.evaluate import evaluate
from partita.cli.experiment import experiment
from partita.cli.models import models
from partita.cli.separate import separate
from partita.cli.train import train
from partita.errors import ConfigError, PartitaError, unexpected
from partita.system.allocator import keep_freed_memory
from partita.system.interruption import ignore_further_signals, interrupt_on_signals

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
app.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)(demucs)
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
    """Run the command line; an error becomes one line and an exit code, never a traceback."""
    interrupt_on_signals()
    # threads that run a model wait less for the interpreter, which other threads hold while they read and write audio
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        try:
            app()
        finally:  # here, where an error can still be reported
            if sys.stdout is not None:
                sys.stdout.flush()
    except ConfigError as error:
        _end(str(error), 2)
    except PartitaError as error:
        _end(str(error), 1)
    except BrokenPipeError:  # whoever read our output has closed it
        _discard(sys.stdout)
        sys.exit(1)
    except OSError as error:
        if not _has_folder():
            _end("the current folder was deleted; change to another one", 2)
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF):
            _discard(sys.stdout)
            _end(f"standard output cannot be written: {error.strerror}", 1)
        _end(str(unexpected("partita", error)), 1)
    except Exception as error:
        _end(str(unexpected("partita", error)), 1)
    finally:
        ignore_further_signals()


def _end(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # nobody reads stderr, or its disk is full
        console.error(message)
    sys.exit(code)


def _discard(stream: TextIO) -> None:
    """Keep the interpreter from writing at exit what could not be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _has_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True
