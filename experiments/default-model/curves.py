"""Collect the metrics of a training run of the default model, and draw its curves.

From a checkout:

    pip install -e '.[docs]'
    python experiments/default-model/curves.py NAME RUN

This joins the metrics that the run in the folder RUN logged, resumptions included, in ``metrics-NAME.csv`` beside
this script, and draws ``curves-NAME.png`` from them. Without RUN it redraws the picture from the existing table.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from partita.training.report import write_metrics

HERE = Path(__file__).parent
SMOOTHED = 15  # logged steps in the moving average of the training loss


def draw(table: Path, picture: Path) -> None:
    """Draw the losses and the SDR of each source from a table of metrics."""
    with table.open() as file:
        rows = list(csv.DictReader(file))

    def series(column: str) -> list[tuple[int, float]]:
        return [(int(row["step"]), float(row[column])) for row in rows if row[column]]

    figure, (losses, scores) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    steps, values = np.array(series("train_loss")).T
    losses.plot(steps, values, color="0.8", label="training, one batch")
    smooth = np.convolve(values, np.ones(SMOOTHED) / SMOOTHED, "valid")
    first = SMOOTHED // 2  # each mean is drawn at the middle of its steps
    losses.plot(steps[first : first + smooth.size], smooth, color="C0", label=f"training, mean of {SMOOTHED}")
    losses.plot(*zip(*series("valid_loss"), strict=True), "o-", color="C3", label="validation songs")
    losses.set(xlabel="step", title="loss of the run")
    for source in ("drums", "bass", "other", "vocals"):
        scores.plot(*zip(*series(f"valid_sdr/{source}"), strict=True), "o-", label=source)
    scores.set(xlabel="step", ylabel="SDR in dB", title="SDR of 3 real and 12 synthetic songs, mean")
    for axes in (losses, scores):  # below the axes, where the legend hides no curve
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, frameon=False)
    figure.savefig(picture, dpi=80)


def main() -> None:
    """Write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", help="name of the table and the picture")
    parser.add_argument("run", metavar="RUN", type=Path, nargs="?", help="folder of a training run")
    options = parser.parse_args()
    table = HERE / f"metrics-{options.name}.csv"
    if options.run:
        write_metrics(options.run)
        shutil.copyfile(options.run / "metrics.csv", table)
    draw(table, HERE / f"curves-{options.name}.png")


if __name__ == "__main__":
    main()
