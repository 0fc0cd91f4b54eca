"""Layout of the paired comparisons: a strip for each source, a dot for each song."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from partita.evaluation.compare import Difference, compare
from partita.evaluation.report.figures import limits, ticks
from partita.evaluation.report.tables import Candidate, ScoreKind

__all__ = ["Dot", "Pair", "Strip", "pairs"]

_ROWS = (50, 34, 66, 20, 80)  # heights of successive dots, in percent of the strip


@dataclass(frozen=True)
class Dot:
    """One song in a strip.

    Attributes:
        x: Position in percent of the width of the strip.
        y: Position in percent of the height, which only keeps dots apart.
        song: Name of the song.
        value: Difference of the song in dB.
    """

    x: float
    y: float
    song: str
    value: float


@dataclass(frozen=True, eq=False)
class Strip:
    """One source of a comparison; positions are in percent of the width of the strip.

    Attributes:
        difference: The differences to draw.
        dots: The songs.
        mean: Position of the mean, if there is one.
        interval: Positions of the ends of its confidence interval, if there is one.
    """

    difference: Difference
    dots: tuple[Dot, ...]
    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Pair:
    """The comparison of two runs.

    Attributes:
        first: The run that is subtracted.
        second: The run it is subtracted from.
        zero: Position of a difference of 0 dB.
        ticks: Positions of round differences, each with the difference in dB.
        strips: One for each source, then one for their mean.
    """

    first: Candidate
    second: Candidate
    zero: float
    ticks: tuple[tuple[float, float], ...]
    strips: tuple[Strip, ...]


def pairs(entries: Sequence[Candidate], score: ScoreKind) -> Iterator[Pair]:
    """Compare every two runs in one score."""
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
