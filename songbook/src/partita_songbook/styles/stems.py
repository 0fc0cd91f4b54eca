"""Finished stems turned into songs: balanced, cut to length, with vocals added where they have none."""

from __future__ import annotations

from typing import Any

import numpy as np

from partita_songbook import composer
from partita_songbook.effects import RATE
from partita_songbook.hearing import hear_beat, hear_key
from partita_songbook.leads import Setting
from partita_songbook.library import Library, MaterialFile
from partita_songbook.mixing import STEMS, balance, channel_strip, silent
from partita_songbook.recordings import read_audio
from partita_songbook.song import RenderedSong
from partita_songbook.vocals import sing

__all__ = ["complete"]


def complete(library: Library, source: MaterialFile, seed: int, *, longest: float = 120.0) -> list[RenderedSong]:
    """Turn a folder of finished stems into one or more songs.

    Args:
        library: The material; one of its singers sings in key and in time where the vocals are silent.
        source: The folder, with any of ``drums``, ``bass``, ``other`` and ``vocals`` at any level.
        seed: Seed of the choices.
        longest: Longest piece in seconds; longer songs are cut, those of less than a minute are repeated.

    Raises:
        AudioError: A stem cannot be read.
    """
    folder = source.path
    rng = np.random.default_rng([seed, *folder.name.encode()])
    files = {path.stem: path for path in sorted(folder.glob("*.*")) if path.stem in STEMS}
    raw = {stem: read_audio(path) for stem, path in files.items()}
    samples = max(audio.shape[-1] for audio in raw.values())
    stems = {stem: np.zeros((2, samples), np.float32) for stem in STEMS}
    for stem, audio in raw.items():
        stems[stem][:, : audio.shape[-1]] = audio
    repeats = -(-60 * RATE // samples)
    stems = {stem: np.tile(audio, repeats) for stem, audio in stems.items()}
    pieces = int(np.ceil(samples * repeats / RATE / longest))
    songs = []
    for i, bounds in enumerate(np.array_split(np.arange(samples * repeats), pieces)):
        piece = {stem: audio[:, bounds[0] : bounds[-1] + 1].copy() for stem, audio in stems.items()}
        singing: dict[str, Any] = {"singer": "its own"}
        if silent(piece["vocals"]):
            key, beat = hear_key(piece["bass"] + piece["other"]), hear_beat(piece["drums"])
            loop, bars = composer.harmony(*key, rng), int(np.ceil(len(bounds) / RATE / beat / 4))
            tune, chords = composer.melody(loop, bars, beat, rng), composer.chords(loop, bars, beat, rng)
            setting = Setting(len(bounds), beat, key, tune, chords, (True,) * bars, electronic=True)
            piece["vocals"], singing = sing(library, setting, rng)
            piece["vocals"] = channel_strip("vocals", piece["vocals"], beat, rng)
        card = {
            "seed": seed,
            "style": "stems",
            "source": folder.name,
            "piece": i,
            "ingredients": {"vocals": singing},
            "licences": {folder.name: source.licence},
        }
        songs.append(RenderedSong(balance(piece, rng), card))
    return songs
