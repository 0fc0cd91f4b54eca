"""What a run leaves beside its package: its log as one table, curves, and examples to listen to."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from partita.audio import AudioWriter
from partita.data.cache import CachedSong
from partita.separation import Separator
from partita.system.atomic import open_atomically, write_atomically
from partita.zoo import Package

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Metrics",
    "plot_loss",
    "plot_sdr",
    "read_metrics",
    "read_table",
    "write_curves",
    "write_examples",
    "write_metrics",
]

_EXAMPLE = 15.0  # seconds
_SMOOTHED = 50  # logged steps

Metrics = dict[int, dict[str, str]]
"""Step -> column -> value as logged; a column without a value at a step is absent."""


def read_metrics(run: Path) -> Metrics:
    """Read the log of a run; what a resumed run logged replaces what was logged past its checkpoint."""
    steps: Metrics = {}
    for path in sorted(run.glob("log/version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        table = read_table(path)
        if table:
            first = min(table)
            steps = {step: row for step, row in steps.items() if step < first}
        for step, row in table.items():
            steps.setdefault(step, {}).update(row)
    return dict(sorted(steps.items()))


def read_table(path: Path) -> Metrics:
    """Read a CSV table with a column ``step``; several rows of a step are merged."""
    steps: Metrics = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            steps.setdefault(int(row["step"]), {}).update({name: value for name, value in row.items() if value})
    return steps


def write_metrics(run: Path) -> Metrics:
    """Write the log of a run, resumptions included, as ``metrics.csv``, and return it.

    Raises:
        OutputError: The file cannot be written.
    """
    metrics = read_metrics(run)
    names = sorted({name for row in metrics.values() for name in row} - {"epoch", "step"})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["step", *names], extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**row, "step": str(step)} for step, row in metrics.items())
    write_atomically(run / "metrics.csv", text.getvalue().encode())
    return metrics


def write_curves(metrics: Metrics, run: Path) -> None:
    """Draw ``loss.png`` and, if the run validated, ``sdr.png``.

    Raises:
        OutputError: A file cannot be written.
    """
    from matplotlib.figure import Figure

    for name, plot in (("loss", plot_loss), ("sdr", plot_sdr)):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot()
        plot(axes, metrics)
        if axes.lines:
            axes.legend()
            _save(figure, run / f"{name}.png")


def plot_loss(axes: Axes, metrics: Metrics, *, smoothed: int = _SMOOTHED) -> None:
    """Draw the losses of training and validation over the steps, on a logarithmic scale.

    Args:
        axes: Where to draw.
        metrics: The log.
        smoothed: Number of logged training losses that are averaged; at most a quarter of all.
    """
    steps, losses = _curve(metrics, "train_loss")
    axes.plot(steps, losses, color="0.8", label="training, one batch")
    width = min(smoothed, losses.size // 4)
    if width > 1:
        smooth = np.convolve(losses, np.ones(width) / width, "valid")
        middle = width // 2  # each mean is drawn at the middle of its steps
        axes.plot(steps[middle : middle + smooth.size], smooth, color="C0", label=f"training, mean of {width}")
    steps, losses = _curve(metrics, "valid_loss")
    if steps.size:
        axes.plot(steps, losses, ".-", color="C3", label="validation")
    axes.set(xlabel="step", ylabel="loss", yscale="log")


def plot_sdr(axes: Axes, metrics: Metrics) -> None:
    """Draw the validation's SDR of each source over the steps; nothing if the run did not validate."""
    names = dict.fromkeys(name for row in metrics.values() for name in row if name.startswith("valid_sdr/"))
    for name in names:
        axes.plot(*_curve(metrics, name), ".-", label=name.removeprefix("valid_sdr/"))
    axes.set(xlabel="step", ylabel="SDR over whole songs (dB)")


def write_examples(package: Package, song: CachedSong, folder: Path) -> None:
    """Separate the middle 15 seconds of a song; write mixture, references and estimates as 32-bit float wav files.

    Raises:
        OutputError: A file cannot be written.
    """
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


def _save(figure: Figure, path: Path) -> None:
    with open_atomically(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _curve(metrics: Metrics, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the steps at which a column has a value, and the values."""
    points = [(step, float(row[name])) for step, row in metrics.items() if name in row]
    steps, values = np.array(points, np.float64).reshape(-1, 2).T
    return steps, values
