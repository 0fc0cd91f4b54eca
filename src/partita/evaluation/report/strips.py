"""Paired comparisons as a page draws them: a strip for each source, a dot for each song."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from partita.evaluation.compare import Difference, compare
from partita.evaluation.report.figures import limits, ticks
from partita.evaluation.report.tables import Candidate, Score

__all__ = ["Dot", "Pair", "Strip", "pairs"]

_ROWS = (50, 34, 66, 20, 80)  # heights of neighbouring dots, in percent of a strip


@dataclass(frozen=True)
class Dot:
    """One song in a strip.

    Attributes:
        x: Percent of the strip's width.
        y: Percent of its height; only keeps dots apart.
        song: Name of the song.
        value: Its difference, dB.
    """

    x: float
    y: float
    song: str
    value: float


@dataclass(frozen=True, eq=False)
class Strip:
    """One source of a comparison; places are in percent of the strip's width.

    Attributes:
        difference: What is drawn.
        dots: The songs.
        mean: Place of the mean; None without any.
        interval: Places of the ends of its confidence interval; None where there is none.
    """

    difference: Difference
    dots: tuple[Dot, ...]
    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs compared.

    Attributes:
        first: The run that is subtracted.
        second: The run it is subtracted from.
        zero: Place of no difference.
        ticks: Places of round differences, and those in dB.
        strips: One for each source, and their mean.
    """

    first: Candidate
    second: Candidate
    zero: float
    ticks: tuple[tuple[float, float], ...]
    strips: tuple[Strip, ...]


def pairs(entries: Sequence[Candidate], score: Score) -> Iterator[Pair]:
    """Compare each two runs in one score."""
    for first, second in combinations(entries, 2):
        rows = compare(first.run, second.run, score.metric, whole=score.whole).rows
        known = [row.values for row in rows] + [np.array(row.interval) for row in rows if row.interval]
        low, high = limits(np.concatenate([np.empty(0), *known]), around_zero=True)

        def place(value: float, low: float = low, high: float = high) -> float:
            return round(100 * (value - low) / (high - low), 2)

        marks = tuple((place(tick), tick) for tick in ticks((low, high)))
        strips = tuple(
            Strip(
                row,
                tuple(
                    Dot(place(row.values[at]), _ROWS[rank % len(_ROWS)], row.songs[at], float(row.values[at]))
                    for rank, at in enumerate(np.argsort(row.values, kind="stable"))
                ),
                None if row.mean is None else place(row.mean),
                None if row.interval is None else (place(row.interval[0]), place(row.interval[1])),
            )
            for row in rows
        )
        yield Pair(first, second, place(0), marks, strips)
