"""Gather the log of a run, its resumptions included, and draw its curves.

    pip install '.[docs]'
    python experiments/default-model/curves.py runs/default NAME

writes ``experiments/default-model/metrics-NAME.csv`` and ``docs/images/default-model-NAME.png``.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent


def gather(run: Path) -> dict[int, dict[str, str]]:
    """Return the metrics of every logged step; a resumed run overrides what was logged past its checkpoint."""
    steps: dict[int, dict[str, str]] = {}
    for path in sorted(run.glob("log/version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        if rows:
            first = int(rows[0]["step"])
            steps = {step: row for step, row in steps.items() if step < first}
        for row in rows:
            steps.setdefault(int(row["step"]), {}).update({name: value for name, value in row.items() if value})
    return steps


def main() -> None:
    """Write the table and the picture."""
    run, name = sys.argv[1:]
    steps = gather(Path(run))
    columns = sorted({column for row in steps.values() for column in row} - {"epoch", "step"})
    with (HERE / f"metrics-{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", *columns], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "step": step} for step, row in sorted(steps.items()))

    figure, (losses, scores) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    train = np.array([(step, float(row["train_loss"])) for step, row in sorted(steps.items()) if "train_loss" in row])
    losses.plot(train[:, 0], train[:, 1], color="0.8", label="training, a batch")
    smooth = np.convolve(train[:, 1], np.ones(15) / 15, "valid")
    losses.plot(train[7 : 7 + smooth.size, 0], smooth, color="C0", label="training, mean of 15")
    valid = [(step, float(row["valid_loss"])) for step, row in sorted(steps.items()) if "valid_loss" in row]
    losses.plot(*zip(*valid, strict=True), "o-", color="C3", label="songs of validation")
    losses.set(xlabel="step", ylabel="mean squared error", title="loss")
    losses.legend()
    for source in ("drums", "bass", "other", "vocals"):
        column = f"valid_sdr/{source}"
        points = [(step, float(row[column])) for step, row in sorted(steps.items()) if column in row]
        scores.plot(*zip(*points, strict=True), "o-", label=source)
    scores.set(xlabel="step", ylabel="SDR, dB", title="3 real and 12 synthetic songs, whole-excerpt SDR")
    scores.legend()
    figure.savefig(HERE.parent.parent / "docs" / "images" / f"default-model-{name}.png", dpi=80)


if __name__ == "__main__":
    main()
