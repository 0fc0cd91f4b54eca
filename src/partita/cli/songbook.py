"""`partita songbook`."""

from __future__ import annotations

import itertools
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from partita.errors import AudioError, ConfigError

__all__ = ["songbook"]


class _Split(StrEnum):
    train = "train"
    valid = "valid"


def songbook(
    songs: Annotated[int, typer.Option(min=0, help="Number of songs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write songs to; those there are kept.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same songs.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Folder of MIDI files and recordings; without it all is synthesis.")
    ] = None,
    split: Annotated[_Split, typer.Option(help="Which part of the material; they share nothing.")] = _Split.train,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Index of the first song.")] = 0,
    seconds: Annotated[float | None, typer.Option(min=1, help="Length of a song; drawn from 60 to 100.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where analysed singing is kept; OUT/.cache.")] = None,
    stems: Annotated[
        bool, typer.Option("--stems", help="Also complete the finished songs in DATA/songs-train.")
    ] = False,
) -> None:
    """Render synthetic multitrack songs to train on: OUT/SONG/STEM.flac."""
    try:
        from partita.data.songbook.library import Library
        from partita.data.songbook.render import render_songs, render_stems
    except ModuleNotFoundError as error:
        raise ConfigError(f"the songbook needs {error.name}: pip install 'partita[songbook]'") from error

    library = Library.open(data, split=split.value, cache=cache or out / ".cache")
    rendered = render_songs(library, out, range(first, first + songs), seed, seconds=seconds, jobs=jobs)
    failed = 0
    for result in itertools.chain(render_stems(library, out, seed) if stems else (), rendered):
        if isinstance(result, AudioError):
            failed += 1
            typer.echo(f"error: {result}", err=True)
        else:
            typer.echo(result)
    raise typer.Exit(1 if failed else 0)
