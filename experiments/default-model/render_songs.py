"""Render songbook songs with a chosen share of bands: the songbook's own share is 18 %.

python experiments/default-model/render_songs.py SONGS --material MATERIAL --seed 31 --songs 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

from partita_songbook import arrange
from partita_songbook.library import Library
from partita_songbook.render import render_songs


def main() -> None:
    """Render in one process; start several with different indices to use more cores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, help="describes the material; default: its songbook.toml")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--songs", type=int, required=True)
    parser.add_argument("--bands", type=float, default=0.55, help="share of MIDI songs played by bands")
    parser.add_argument("--split", choices=["train", "valid"], default="train")
    options = parser.parse_args()
    rest = (1 - options.bands) / (1 - arrange.STYLES["band"])
    for style in arrange.STYLES:
        arrange.STYLES[style] = options.bands if style == "band" else arrange.STYLES[style] * rest
    library = Library.open(
        options.material, manifest=options.manifest, split=options.split, cache=options.output / ".cache"
    )
    indices = range(options.first, options.first + options.songs)
    for result in render_songs(library, options.output, indices, options.seed):
        print(result, flush=True)


if __name__ == "__main__":
    main()
