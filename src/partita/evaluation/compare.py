"""Two runs over the same songs: how much better is one, and is it chance?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError, nearest
from partita.evaluation.results import METRICS, Run

__all__ = ["MEAN", "Comparison", "Difference", "compare"]

Array = npt.NDArray[np.float64]

MEAN = "mean over sources"
_WHOLE_METRICS = ("sdr", "si_sdr")
_CONFIDENCE = 0.95
_DIGITS = 9  # decimals of a dB; what differs by less does so from rounding


@dataclass(frozen=True, eq=False)
class Difference:
    """How the scores of one source differ, song by song: those of the second run minus those of the first.

    Attributes:
        source: Name of the source, or :data:`MEAN`.
        songs: Names of the songs where both runs have a finite score.
        values: The difference in each of them, dB.
        mean: Of the differences, dB; None without any.
        median: Of the differences, dB; None without any.
        interval: 95 % confidence interval of the mean, dB: bootstrap over songs, bias-corrected and accelerated
            (Efron 1987). None where there is none.
        p_value: Two-sided, of Wilcoxon's signed-rank test: how often differences at least as one-sided would come
            up if neither run were the better one. None where there is none.
        reason: Why the interval or the p-value is None; else empty.
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
    """Two runs compared in one score.

    Attributes:
        first: Name of the run that is subtracted.
        second: Name of the run it is subtracted from.
        metric: The score compared.
        whole: Whether that is the score of whole songs, or the median over the frames of a song.
        rows: One for each source that both runs have, in the order of the first, then :data:`MEAN` where they have
            more than one. Empty where they have none in common.
    """

    first: str
    second: str
    metric: str
    whole: bool
    rows: tuple[Difference, ...]


def compare(first: Run, second: Run, metric: str = "sdr", *, whole: bool = False, seed: int = 0) -> Comparison:
    """Compare two runs over the songs and the sources that both have, matched by name.

    A song counts for a source where both runs have a finite score. Its mean over sources is that of the sources which
    count, the same ones for both runs. The figures of several comparisons are not corrected for their number.

    Args:
        first: Is subtracted.
        second: From this one; a positive difference says that it scores higher.
        metric: ``sdr``, ``isr``, ``sir`` or ``sar`` of BSSEval v4; of whole songs, ``sdr`` or ``si_sdr``.
        whole: Compare scores of whole songs, not medians over frames.
        seed: Of the bootstrap.

    Raises:
        ConfigError: There is no such metric, or scipy is missing.
    """
    known = _WHOLE_METRICS if whole else METRICS
    if metric not in known:
        kind = "whole songs" if whole else "frames"
        raise ConfigError(f"metric: {metric!r} is not a score of {kind}{nearest(metric, known)}")
    sources = tuple(source for source in first.sources if source in second.sources)
    others = {song.name for song in second.songs}
    songs = tuple(song.name for song in first.songs if song.name in others)
    before, after = (_scores(run, metric, songs, sources, whole=whole) for run in (first, second))
    with np.errstate(invalid="ignore"):  # infinity less infinity
        differences = after - before
    differences[~np.isfinite(differences)] = np.nan
    rows = [_difference(source, songs, differences[:, at], seed) for at, source in enumerate(sources)]
    if len(sources) > 1:
        mean = np.ma.masked_invalid(differences).mean(axis=1).filled(np.nan)
        rows.append(_difference(MEAN, songs, mean, seed))
    return Comparison(first.name, second.name, metric, whole, tuple(rows))


def _scores(run: Run, metric: str, songs: tuple[str, ...], sources: tuple[str, ...], *, whole: bool) -> Array:
    """Return one score, ``(songs, sources)`` in dB, in a given order."""
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
        reason = "a single song tells nothing of others"
    elif np.abs(values).max() <= alike:
        reason = "all scores are the same"
    else:
        p_value = float(_stats().wilcoxon(values.round(_DIGITS)).pvalue)
        if np.ptp(values) <= alike:
            reason = "all songs differ by the same"
        else:
            interval = _interval_of_mean(values, seed)
    return Difference(source, tuple(songs[at] for at in kept), values, mean, median, interval, p_value, reason)


def _interval_of_mean(values: Array, seed: int) -> tuple[float, float]:
    found = _stats().bootstrap((values,), np.mean, confidence_level=_CONFIDENCE, rng=np.random.default_rng(seed))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise ConfigError("comparisons need scipy: pip install 'partita[evaluate]'") from error
    return stats
