"""What a run leaves beside its package: its log in one table, curves, and something to listen to."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from partita.audio import AudioWriter
from partita.data.cache import CachedSong
from partita.separation import Separator
from partita.zoo import Package

__all__ = ["read_metrics", "write_curves", "write_examples", "write_metrics"]

_EXAMPLE = 15.0  # seconds
_SMOOTHED = 50  # logged steps

Metrics = dict[int, dict[str, str]]


def read_metrics(run: Path) -> Metrics:
    """Return what was logged at each step; a resumed run overrides what was logged past its checkpoint."""
    steps: Metrics = {}
    for path in sorted(run.glob("log/version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        if rows:
            first = min(int(row["step"]) for row in rows)
            steps = {step: row for step, row in steps.items() if step < first}
        for row in rows:
            steps.setdefault(int(row["step"]), {}).update({name: value for name, value in row.items() if value})
    return dict(sorted(steps.items()))


def write_metrics(run: Path) -> Metrics:
    """Gather the log of a run, its resumptions included, in ``metrics.csv``."""
    metrics = read_metrics(run)
    names = sorted({name for row in metrics.values() for name in row} - {"epoch", "step"})
    with (run / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", *names], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "step": str(step)} for step, row in metrics.items())
    return metrics


def write_curves(metrics: Metrics, run: Path) -> None:
    """Draw ``loss.png`` and, of a run with validation, ``sdr.png``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps, losses = _curve(metrics, "train_loss")
    axes.plot(steps, losses, color="0.8", label="training, a batch")
    width = min(_SMOOTHED, losses.size // 4)
    if width > 1:
        smooth = np.convolve(losses, np.ones(width) / width, "valid")
        axes.plot(steps[width - 1 :], smooth, color="C0", label=f"training, mean of {width}")
    if "valid_loss" in _names(metrics):
        axes.plot(*_curve(metrics, "valid_loss"), ".-", color="C3", label="validation")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(run / "loss.png", dpi=120)

    names = [name for name in _names(metrics) if name.startswith("valid_sdr/")]
    if names:
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for name in names:
            axes.plot(*_curve(metrics, name), ".-", label=name.removeprefix("valid_sdr/"))
        axes.set(xlabel="step", ylabel="SDR over whole songs, dB")
        axes.legend()
        figure.savefig(run / "sdr.png", dpi=120)


def write_examples(package: Package, song: CachedSong, folder: Path) -> None:
    """Separate the middle of a song and write mixture, references and estimates as 32-bit wav files."""
    rate = package.card.sample_rate
    samples = min(song.samples, round(_EXAMPLE * rate))
    references = song.read((song.samples - samples) // 2, samples)
    mixture = references.sum(0)
    estimates = Separator(package).separate(mixture)
    files = {"mixture": mixture}
    for source, reference in zip(package.card.sources, references, strict=True):
        files |= {f"{source}-reference": reference, f"{source}-estimate": estimates[source]}
    folder.mkdir(exist_ok=True)
    for name, audio in files.items():
        with AudioWriter(folder / f"{name}.wav", rate, audio.shape[0], samples, bits="32f") as writer:
            writer.write(np.asarray(audio, np.float32))


def _names(metrics: Metrics) -> list[str]:
    return list(dict.fromkeys(name for row in metrics.values() for name in row))


def _curve(metrics: Metrics, name: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(step, float(row[name])) for step, row in metrics.items() if name in row]
    steps, values = np.array(points, np.float64).reshape(-1, 2).T
    return steps, values
