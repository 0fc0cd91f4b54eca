"""``python -m partita.data.songbook``: render songs for training."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

from partita.data.songbook.library import Library
from partita.data.songbook.render import render_songs, render_stems
from partita.errors import PartitaError


def main() -> int:
    """Render songs as the command line asks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m partita.data.songbook", description=__doc__)
    parser.add_argument("--songs", type=int, required=True, help="number of songs")
    parser.add_argument("--first", type=int, default=0, help="index of the first song (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same songs (default: 0)")
    parser.add_argument("--seconds", type=float, help="length of each song (default: 60 to 100, drawn)")
    parser.add_argument("--data", type=Path, required=True, help="folder of MIDI files and recordings")
    parser.add_argument("--output", "-o", type=Path, required=True, help="folder to write songs to")
    parser.add_argument("--held-out", action="store_true", help="use the material kept out of training")
    options = parser.parse_args()
    try:
        library = Library.open(options.data, held_out=options.held_out)
        indices = range(options.first, options.first + options.songs)
        songs = render_songs(library, options.output, indices, options.seed, seconds=options.seconds)
        start = time.monotonic()
        for folder in itertools.chain(render_stems(library, options.output, options.seed), songs):
            sys.stdout.write(f"{folder.name}  {time.monotonic() - start:.1f} s\n")
            sys.stdout.flush()
    except PartitaError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
