"""The table of an experiment, next to the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from partita.evaluation.aggregate import Summary, mean_of_finite, summarise
from partita.evaluation.results import Run
from partita.experiment.plan import Experiment
from partita.zoo.card import CARD_NAME, read_card

__all__ = ["as_markdown", "table_of"]

Rows = list[list[str]]


def table_of(
    experiment: Experiment, scores: Mapping[str, Sequence[Run]], out: Path, metric: str = "sdr"
) -> tuple[list[str], Rows]:
    """Return the header and the rows of the table for one folder of songs.

    Scores are in dB and computed as papers do: median over frames, median over songs, mean over seeds, with the
    standard error of that mean if there are several seeds. ``all`` is the mean over sources, ``SIR`` the mean SIR.
    ``paper`` is the paper's ``all``, on MUSDB18 after training on it, so compare only the order of the systems with it.
    ``song`` is the whole-song SDR, the mean over songs and sources; ``size`` is the number of parameters.

    Args:
        experiment: The experiment.
        scores: The runs of each system, one a seed, as :func:`partita.experiment.load_scores` returns them.
        out: Folder of the trained systems.
        metric: The metric of ``all`` and of the sources: ``sdr``, ``isr``, ``sir`` or ``sar`` of BSSEval v4.
    """
    sources = next(iter(scores.values()))[0].sources
    head = ["system", "paper", "all", *sources, "SIR", "song", "size", "seeds"]
    rows = []
    for system in experiment.systems:
        paper = f"{system.paper['all']:.2f}" if "all" in system.paper else "-"
        if runs := scores.get(system.name):
            package = None if system.config is None else out / f"{system.name}-{experiment.seeds[0]}"
            rows.append([system.name, paper, *_figures(runs, metric), *_facts(package, len(runs))])
        else:
            rows.append([system.name, paper, "not run", *[""] * (len(head) - 3)])
    return head, rows


def as_markdown(head: Sequence[str], rows: Rows) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _figures(runs: Sequence[Run], metric: str) -> list[str]:
    summary, interference = _summary(runs, metric), _summary(runs, "sir")
    whole = mean_of_finite([mean_of_finite(mean_of_finite(run.whole("sdr"), axis=0)) for run in runs])
    return [
        _decibels(summary.overall, summary.overall_error),
        *(_decibels(*pair) for pair in zip(summary.sources, summary.sources_error, strict=True)),
        _decibels(interference.overall),
        _decibels(float(whole)),
    ]


def _facts(package: Path | None, seeds: int) -> list[str]:
    """Return size and seeds of a trained system; an oracle has neither."""
    if package is None or not (package / CARD_NAME).exists():
        return ["-", "-"]
    return [f"{read_card(package).parameters / 1e6:.2f} M", str(seeds)]


def _summary(runs: Sequence[Run], metric: str) -> Summary:
    return summarise([[song.frames[metric] for song in run.songs] for run in runs])


def _decibels(value: float, error: float = float("nan")) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:.2f}" if np.isnan(error) else f"{value:.2f} ± {error:.2f}"
