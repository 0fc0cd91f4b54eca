"""Score packages on the rulers that rulers.md describes: SDR over whole excerpts in dB, song by song and as means.

python experiments/default-model/rulers.py default runs/mine --real SONGS-VALID --mixes MIXES --modules MODULES/valid \
    --held-out HELD-OUT [--seconds 60] [--json scores.json]

A mean is that over songs in which the source is audible (above 1e-4 of the mixture's energy), and the mean
of means that over sources. Rubidium's bass, a sub that other systems hear as drums, is shown and left out of every
mean. The stems of MIXES, which mixes.py builds, are estimates themselves: a source counts above 1e-2 of the energy,
since below that the yardstick's errors are as loud as what it found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita import Separator
from partita.data import find_songs, open_stem
from partita.evaluation import sdr

Scores = dict[str, dict[str, float]]

_LEFT_OUT = {("evr-5-rubidium", "bass")}
_INAUDIBLE = 1e-4  # of the mixture's energy
_UNCERTAIN = 1e-2  # the same for the stems of a yardstick


def score(separator: Separator, folder: Path, seconds: float | None, *, least: float = _INAUDIBLE) -> Scores:
    """Return the SDR in dB of every audible source of every song in a folder.

    Args:
        separator: The package.
        folder: Songs; the input is the recorded mixture where there is one, else the sum of the stems.
        seconds: Length of the excerpt from the middle of each song; None scores whole songs.
        least: Least share of the mixture's energy of a source that counts.
    """
    scores: Scores = {}
    for song in sorted(find_songs([folder], separator.sources), key=lambda song: song.name):
        stems: dict[str, npt.NDArray[np.float32]] = {}
        rate = 44100
        for name in (*song.stems, *(["mixture"] if song.mixture else [])):
            source = open_stem(song, name)
            stems[name], rate = np.concatenate(list(source.blocks()), axis=1), source.sample_rate
        samples = min(audio.shape[1] for audio in stems.values())
        start = 0
        if seconds is not None and samples > seconds * rate:
            start, samples = int((samples - seconds * rate) // 2), int(seconds * rate)
        stems = {name: audio[:, start : start + samples] for name, audio in stems.items()}
        recorded = stems.pop("mixture", None)
        mixture = np.sum(list(stems.values()), axis=0) if recorded is None else recorded
        estimates = separator.separate(mixture, rate)
        energy = float((mixture**2).sum())
        scores[song.name] = {
            name: round(float(sdr(audio[None], estimates[name][None])[0]), 2)
            for name, audio in stems.items()
            if float((audio**2).sum()) > least * energy
        }
    return scores


def means(scores: Scores, sources: tuple[str, ...]) -> dict[str, float]:
    """Return the mean of each source over songs, and of those."""
    found: dict[str, float] = {}
    for source in sources:
        values = [song[source] for name, song in scores.items() if source in song and (name, source) not in _LEFT_OUT]
        if values:
            found[source] = round(float(np.mean(values)), 2)
    found["mean"] = round(float(np.mean(list(found.values()))), 2)
    return found


def main() -> None:
    """Score, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--mixes", type=Path)
    parser.add_argument("--modules", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--seconds", type=float, help="of modules and held-out songs, from their middle")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rulers = {
        "real": options.real,
        "mixes": options.mixes,
        "modules": options.modules,
        "held-out": options.held_out,
    }
    result: dict[str, dict[str, object]] = {}
    for package in options.packages:
        separator = Separator(package)
        result[package] = {}
        for ruler, folder in rulers.items():
            if folder is None:
                continue
            seconds = options.seconds if ruler in {"modules", "held-out"} else None
            least = _UNCERTAIN if ruler == "mixes" else _INAUDIBLE
            scores = score(separator, folder, seconds, least=least)
            result[package][ruler] = {"means": means(scores, separator.sources), "songs": scores}
            print(package, ruler, means(scores, separator.sources), flush=True)
            for name, song in scores.items():
                print("   ", name, song, flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
