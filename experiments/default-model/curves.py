"""Collect the metrics of a training run of the default model, and draw its curves.

From a checkout:

    pip install -e '.[train]'
    python experiments/default-model/curves.py NAME RUN

This joins the metrics that the run in the folder RUN logged, resumptions included, in ``metrics-NAME.csv`` beside
this script, and draws ``curves-NAME.png`` from them. Without RUN it redraws the picture from the existing table.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import matplotlib.pyplot as plt

from partita.training.report import plot_loss, plot_sdr, read_table, write_metrics

HERE = Path(__file__).parent
SMOOTHED = 15  # logged steps in the moving average of the training loss


def draw(table: Path, picture: Path) -> None:
    """Draw the losses and the scores of a table side by side."""
    metrics = read_table(table)
    figure, (losses, scores) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    plot_loss(losses, metrics, smoothed=SMOOTHED)
    losses.set(title="loss of the run")
    plot_sdr(scores, metrics)
    scores.set(title="3 real and 12 synthetic songs")
    for axes in (losses, scores):  # legends below, where they hide no curve
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
