"""The HTML of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from partita.evaluation.report.excerpts import encode_excerpt
from partita.evaluation.report.figures import DYNAMICS, box_plot, colour_scale, limits
from partita.evaluation.report.strips import Pair, pairs
from partita.evaluation.report.tables import SCORES, Candidate, ScoreKind, SongRow, candidates, silence_rows, song_rows
from partita.evaluation.results import Run
from partita.system.text import clock

__all__ = ["render"]


@dataclass(frozen=True)
class Panel:
    """The part of the page about one score.

    Attributes:
        score: The score.
        runs: The runs.
        summary: The score in dB of each source, then their mean, for each run.
        boxes: Box plot of all runs, by source.
        pairs: Comparisons of every two runs.
        songs: The table of songs.
    """

    score: ScoreKind
    runs: Sequence[Run]
    summary: list[list[float]]
    boxes: dict[str, Markup]
    pairs: list[Pair]
    songs: list[SongRow]

    def is_best(self, run: int, column: int) -> bool:
        """Return whether no other model scores higher, in the digits that the page shows.

        Oracles and the mixture are bounds and do not count; a single model is not marked.
        """
        models = [row for row, other in zip(self.summary, self.runs, strict=True) if not other.oracle]
        values = [row[column] for row in models if not math.isnan(row[column])]
        if self.runs[run].oracle or len(models) < 2 or not values:
            return False
        return decibels(self.summary[run][column]) == decibels(max(values))


def render(runs: Sequence[Run], title: str) -> str:
    """Return the page; see :func:`partita.evaluation.report.write_report`."""
    environment = Environment(
        loader=PackageLoader("partita.evaluation.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "db": decibels,
        "plain": plain,
        "probability": probability,
        "signed": signed,
        "tick": tick,
    }
    entries = candidates(runs)
    with ThreadPoolExecutor() as pool:  # encoding takes most of the time
        excerpts = {entry.label: list(pool.map(encode_excerpt, entry.run.excerpts)) for entry in entries}
    return environment.get_template("template.html.jinja").render(
        title=title,
        version=version("partita"),
        runs=entries,
        sources=entries[0].sources,
        panels=list(_panels(entries)),
        silence=silence_rows(entries),
        excerpts=excerpts,
        competing=sum(not run.oracle for run in runs) > 1,
        colour_scale=colour_scale(),
        dynamics=DYNAMICS,
    )


def _panels(entries: Sequence[Candidate]) -> Iterator[Panel]:
    """Yield a panel for each score that at least one song has."""
    for score in SCORES:
        songs = [entry.songs(score) for entry in entries]
        if not any(np.isfinite(values).any() for values in songs):
            continue
        ends = limits(np.concatenate([values.ravel() for values in songs]))
        labels, colours = [entry.label for entry in entries], [entry.colour for entry in entries]
        boxes = {}
        for at, source in enumerate(entries[0].sources):
            plot = box_plot([values[:, at] for values in songs], labels, colours, ends, f"{score.key}-{at}")
            boxes[source] = Markup(plot)
        summary = [entry.summary(score).tolist() for entry in entries]
        yield Panel(
            score,
            [entry.run for entry in entries],
            summary,
            boxes,
            list(pairs(entries, score)),
            song_rows(entries, score),
        )


def decibels(value: float | None, digits: int = 2) -> str:
    """Return a number with a proper minus sign, or a dash for none."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    text = f"{value:.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "\N{MINUS SIGN}")


def signed(value: float | None, digits: int = 2) -> str:
    """Return a difference with its sign."""
    text = decibels(value, digits)
    return f"+{text}" if value is not None and value > 0 and float(text) else text


def probability(value: float | None) -> str:
    """Return a p-value."""
    if value is None:
        return decibels(None)
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def tick(value: float) -> str:
    """Return the label of a tick: a signed number without trailing zeros."""
    return f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "0"


def plain(value: float) -> str:
    """Return a number that JavaScript can parse."""
    return f"{value:.6g}".replace("inf", "Infinity")
