"""Compare rendered songs with real ones: a table of statistics of each stem, and spectrograms side by side.

    python experiments/songbook/compare.py --real REAL --rendered RENDERED [--picture PNG]

The table has medians over the songs in which a stem sounds, with the lowest and highest values in brackets. The script
needs partita-songbook and matplotlib.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from scipy import signal

from partita_songbook.effects import RATE
from partita_songbook.mixing import STEMS
from partita_songbook.recordings import read_audio

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_COLUMNS = {
    "level": "level, dB",
    "activity": "sounds, % of time",
    "crest": "crest, dB",
    "width": "side/mid, dB",
    "median": "median frequency, Hz",
    "band": "90 % below, Hz",
    "low": "below 120 Hz, dB",
    "high": "above 4 kHz, dB",
}


def measure(audio: NDArray[np.float32]) -> dict[str, float] | None:
    """Measure a stem.

    Args:
        audio: Float32 ``(2, samples)``.

    Returns:
        The statistics, or ``None`` if the stem is silent. The level is the RMS of the active blocks of 100 ms, those
        within 30 dB of the loudest one; the crest factor is the peak relative to it.
    """
    if np.abs(audio).max() < 1e-3:
        return None
    usable = audio.shape[1] // 4410 * 4410
    power = np.square(audio[:, :usable]).reshape(2, -1, 4410).mean((0, 2))
    sounding = power > 1e-3 * power.max()
    level = 10 * np.log10(power[sounding].mean())
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2
    hertz, density = signal.welch(middle + side, RATE, nperseg=8192)
    share = np.cumsum(density) / density.sum()

    def part(chosen: NDArray[np.bool_]) -> float:
        return float(10 * np.log10(density[chosen].sum() / density.sum() + 1e-12))

    return {
        "level": float(level),
        "activity": 100 * float(sounding.mean()),
        "crest": float(20 * np.log10(np.abs(audio).max()) - level),
        "width": float(10 * np.log10((np.square(side).mean() + 1e-12) / np.square(middle).mean())),
        "median": float(hertz[np.searchsorted(share, 0.5)]),
        "band": float(hertz[np.searchsorted(share, 0.9)]),
        "low": part(hertz < 120),
        "high": part(hertz > 4000),
    }


def table(folders: dict[str, list[Path]]) -> str:
    """Return the statistics as a Markdown table."""
    lines = ["| stem | songs | silent in | " + " | ".join(_COLUMNS.values()) + " |", "|---" * (3 + len(_COLUMNS)) + "|"]
    for stem in STEMS:
        for name, songs in folders.items():
            found = [measure(read_audio(next(song.glob(f"{stem}.*")))) for song in songs]
            sounding = [facts for facts in found if facts]
            cells = []
            for column in _COLUMNS:
                values = [facts[column] for facts in sounding]
                cells.append(f"{np.median(values):.0f} ({min(values):.0f} to {max(values):.0f})" if values else "")
            silent = f"{len(found) - len(sounding)} of {len(found)}"
            lines.append(f"| {stem} | {name} | {silent} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(songs: list[Path], path: Path, start: float = 20.0, seconds: float = 20.0) -> None:
    """Draw spectrograms, a column for each song and a row for each stem."""
    figure, axes = plt.subplots(len(STEMS), len(songs), figsize=(4.2 * len(songs), 9), sharex=True, sharey=True)
    for column, song in enumerate(songs):
        for row, stem in enumerate(STEMS):
            audio = read_audio(next(song.glob(f"{stem}.*")))[:, int(start * RATE) : int((start + seconds) * RATE)]
            hertz, times, power = signal.spectrogram(audio.mean(0), RATE, nperseg=4096, noverlap=2048)
            levels = 10 * np.log10(power[1:] + 1e-14)
            axes[row, column].pcolormesh(times, hertz[1:], levels, vmin=-120, vmax=-40, cmap="magma", rasterized=True)
            axes[row, column].set_yscale("log")
            axes[row, column].set_ylim(30, 20_000)
            axes[row, column].set_title(f"{song.name}: {stem}", fontsize=9)
    figure.supxlabel("seconds")
    figure.supylabel("Hz")
    figure.tight_layout()
    figure.savefig(path, dpi=60)


def main() -> None:
    """Print the table, and draw the picture if one is requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder of real songs")
    parser.add_argument("--rendered", type=Path, required=True, help="folder of rendered songs")
    parser.add_argument("--picture", type=Path, help="where to write a PNG of two real and three rendered songs")
    options = parser.parse_args()
    folders = {
        name: sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        for name, folder in (("real", options.real), ("rendered", options.rendered))
    }
    print(table(folders))
    if options.picture:
        picture(folders["real"][:2] + folders["rendered"][:3], options.picture)


if __name__ == "__main__":
    main()
