"""Gather the log of a run, its resumptions included, and draw its curves.

    pip install '.[docs]'
    python experiments/default-model/curves.py NAME runs/default

writes ``experiments/default-model/metrics-NAME.csv`` and ``docs/images/default-model-NAME.png``; without a run, the
picture alone, of the table there is.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from partita.training.report import write_metrics

HERE = Path(__file__).parent


def draw(table: Path, picture: Path) -> None:
    """Draw the losses and the scores of a table."""
    with table.open() as file:
        rows = list(csv.DictReader(file))

    def series(column: str) -> list[tuple[int, float]]:
        return [(int(row["step"]), float(row[column])) for row in rows if row[column]]

    figure, (losses, scores) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    train = np.array(series("train_loss"))
    losses.plot(train[:, 0], train[:, 1], color="0.8", label="training, a batch")
    smooth = np.convolve(train[:, 1], np.ones(15) / 15, "valid")
    losses.plot(train[7 : 7 + smooth.size, 0], smooth, color="C0", label="training, mean of 15")
    losses.plot(*zip(*series("valid_loss"), strict=True), "o-", color="C3", label="songs of validation")
    losses.set(xlabel="step", title="loss, as the run defines it")
    for source in ("drums", "bass", "other", "vocals"):
        scores.plot(*zip(*series(f"valid_sdr/{source}"), strict=True), "o-", label=source)
    scores.set(xlabel="step", ylabel="SDR, dB", title="3 real and 12 synthetic songs, whole-excerpt SDR")
    for axes in (losses, scores):  # below, where they hide no curve
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, frameon=False)
    figure.savefig(picture, dpi=80)


def main() -> None:
    """Write the table and the picture."""
    name, *runs = sys.argv[1:]
    table = HERE / f"metrics-{name}.csv"
    if runs:
        write_metrics(Path(runs[0]))
        shutil.copyfile(Path(runs[0]) / "metrics.csv", table)
    draw(table, HERE.parent.parent / "docs" / "images" / f"default-model-{name}.png")


if __name__ == "__main__":
    main()
