"""Paired comparison of two runs over the same songs: the difference, and whether chance explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError, nearest
from partita.evaluation.results import METRICS, Run
from partita.system.extras import needs_extra

__all__ = ["MEAN", "Comparison", "Difference", "compare"]

Array = npt.NDArray[np.float64]

MEAN = "mean over sources"
_WHOLE_METRICS = ("sdr", "si_sdr")
_CONFIDENCE = 0.95
_DIGITS = 9  # decimals of a dB; smaller differences are rounding


@dataclass(frozen=True, eq=False)
class Difference:
    """The differences in the scores of one source, song by song: the second run minus the first.

    Attributes:
        source: Name of the source, or :data:`MEAN`.
        songs: Names of the songs where both runs have a finite score.
        values: Difference of each song in dB, float64 ``(songs,)``.
        mean: Mean of the differences in dB; ``None`` without songs.
        median: Median of the differences in dB; ``None`` without songs.
        interval: 95 % confidence interval of the mean in dB, from a bias-corrected and accelerated bootstrap over
            songs (Efron 1987); ``None`` if ``reason`` says why.
        p_value: P-value of Wilcoxon's signed-rank test, two-sided: the probability of differences at least this
            one-sided if neither run were better; ``None`` if ``reason`` says why.
        reason: Why the interval or the p-value is ``None``; else empty.
    """

    source: str
    songs: tuple[str, ...]
    values: Array
    mean: float | None
    median: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The comparison of two runs in one metric.

    Attributes:
        first: Name of the run that is subtracted.
        second: Name of the run it is subtracted from.
        metric: The metric.
        whole: Whether it is the score of whole songs, not the median over the frames of a song.
        rows: One for each source that both runs have, in the order of the first run, then :data:`MEAN` if there are
            several. Empty if they have no source in common.
    """

    first: str
    second: str
    metric: str
    whole: bool
    rows: tuple[Difference, ...]


def compare(first: Run, second: Run, metric: str = "sdr", *, whole: bool = False, seed: int = 0) -> Comparison:
    """Compare two runs over the songs and sources that both have, matched by name.

    A song counts for a source if both runs have a finite score. The mean over sources of a song is taken over the
    sources that count, which are the same for both runs. There is no correction for multiple comparisons.

    Args:
        first: The run that is subtracted.
        second: The run it is subtracted from; a positive difference means that this one scores higher.
        metric: ``sdr``, ``isr``, ``sir`` or ``sar`` of BSSEval v4; for whole songs, ``sdr`` or ``si_sdr``.
        whole: Compare the scores of whole songs instead of medians over frames.
        seed: Seed of the bootstrap.

    Raises:
        ConfigError: The metric is unknown, or scipy is not installed.
    """
    known = _WHOLE_METRICS if whole else METRICS
    if metric not in known:
        kind = "whole songs" if whole else "frames"
        raise ConfigError(f"metric: {metric!r} is not a score of {kind}{nearest(metric, known)}")
    sources = tuple(source for source in first.sources if source in second.sources)
    others = {song.name for song in second.songs}
    songs = tuple(song.name for song in first.songs if song.name in others)
    before, after = (_scores(run, metric, songs, sources, whole=whole) for run in (first, second))
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        differences = after - before
    differences[~np.isfinite(differences)] = np.nan
    rows = [_difference(source, songs, differences[:, at], seed) for at, source in enumerate(sources)]
    if len(sources) > 1:
        mean = np.ma.masked_invalid(differences).mean(axis=1).filled(np.nan)
        rows.append(_difference(MEAN, songs, mean, seed))
    return Comparison(first.name, second.name, metric, whole, tuple(rows))


def _scores(run: Run, metric: str, songs: tuple[str, ...], sources: tuple[str, ...], *, whole: bool) -> Array:
    """Return one score, ``(songs, sources)`` in dB, in the given order."""
    places = {song.name: at for at, song in enumerate(run.songs)}
    scores = run.whole(metric) if whole else run.medians(metric)
    return scores[np.ix_([places[song] for song in songs], [run.sources.index(source) for source in sources])]


def _difference(source: str, songs: tuple[str, ...], differences: Array, seed: int) -> Difference:
    kept = np.flatnonzero(np.isfinite(differences))
    values = differences[kept]
    alike = 10.0**-_DIGITS
    mean, median = (float(values.mean()), float(np.median(values))) if values.size else (None, None)
    interval, p_value, reason = None, None, ""
    if values.size == 0:
        reason = "no song has a score in both runs"
    elif values.size == 1:
        reason = "one song is too few"
    elif np.abs(values).max() <= alike:
        reason = "all scores are equal"
    else:
        p_value = float(_stats().wilcoxon(values.round(_DIGITS)).pvalue)
        if np.ptp(values) <= alike:
            reason = "the difference is the same in every song"
        else:
            interval = _interval_of_mean(values, seed)
    return Difference(source, tuple(songs[at] for at in kept), values, mean, median, interval, p_value, reason)


def _interval_of_mean(values: Array, seed: int) -> tuple[float, float]:
    found = _stats().bootstrap((values,), np.mean, confidence_level=_CONFIDENCE, rng=np.random.default_rng(seed))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _stats() -> Any:
    with needs_extra("evaluate"):
        from scipy import stats
    return stats
