"""The command ``partita-songbook``."""

from __future__ import annotations

import itertools
import signal
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from partita.errors import AudioError, ConfigError, PartitaError

__all__ = ["app", "main"]

app = typer.Typer(
    name="partita-songbook",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Split(StrEnum):
    train = "train"
    valid = "valid"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"partita-songbook {version('partita-songbook')}")
        raise typer.Exit


@app.command()
def songbook(
    songs: Annotated[int, typer.Option(min=0, help="Number of songs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder. Existing songs are kept.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same songs.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Folder of MIDI files and recordings. Default: synthesis and what is installed.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="Describes DATA. Default: DATA/songbook.toml.")] = None,
    split: Annotated[_Split, typer.Option(help="Part of the material; the splits share nothing.")] = _Split.train,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Index of the first song.")] = 0,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Length of each song. Default: drawn between 60 and 100.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for analysed singing. Default: OUT/.cache.")] = None,
    stems: Annotated[
        bool, typer.Option("--stems", help="Also turn DATA's finished stems into songs, with vocals added.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Render synthetic multitrack songs for training: OUT/SONG/STEM.flac and OUT/SONG/card.json."""
    from partita_songbook.library import Library  # here, so that --help is fast
    from partita_songbook.render import render_songs, render_stems

    library = Library.open(data, manifest=manifest, split=split.value, cache=cache or out / ".cache")
    rendered = render_songs(library, out, range(first, first + songs), seed, seconds=seconds, jobs=jobs)
    failed = False
    for result in itertools.chain(render_stems(library, out, seed) if stems else (), rendered):
        if isinstance(result, AudioError):
            failed = True
            _print_error(result)
        else:
            typer.echo(result)
    raise typer.Exit(1 if failed else 0)


def _print_error(error: PartitaError) -> None:
    """Print an error on one line, whatever characters the names of files hold."""
    typer.echo("error: " + "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(error)), err=True)


def main() -> None:
    """Run the command line; known errors are printed on one line and set the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's SIGTERM interrupts as Ctrl-C does
    try:
        app()
    except PartitaError as error:
        _print_error(error)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:  # whatever reads the output has closed it
        sys.stderr.close()
        sys.exit(1)
