"""From scores of frames to the figures that papers print."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Summary", "mean_of_finite", "song_medians", "summarise"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Summary:
    """One score of a model over a set of songs, in dB; NaN where no frame of any song has it.

    Attributes:
        sources: Median over songs, mean over runs, ``(sources,)``.
        sources_error: Standard error of that mean, ``(sources,)``; NaN for a single run.
        overall: Mean over sources.
        overall_error: Standard error over runs of the mean over sources; NaN for a single run.
    """

    sources: Array
    sources_error: Array
    overall: float
    overall_error: float


def song_medians(songs: Iterable[npt.ArrayLike]) -> Array:
    """Return the median over frames of each song and source.

    Frames without a score do not count, nor do infinite scores: museval writes those as NaN too.

    Args:
        songs: The scores of each, ``(sources, frames)`` in dB.

    Returns:
        ``(songs, sources)``, NaN where no frame has a score.
    """
    return np.stack([_median(np.asarray(song, np.float64), axis=1) for song in songs])


def summarise(runs: Iterable[Iterable[npt.ArrayLike]]) -> Summary:
    """Summarise a score as published: median over frames, median over songs, mean over runs.

    Args:
        runs: Of one model, trained with as many seeds: the scores of each song, ``(sources, frames)`` in dB.
    """
    medians = np.stack([_median(song_medians(songs), axis=0) for songs in runs])  # (runs, sources)
    overall = medians.mean(1)
    return Summary(
        sources=medians.mean(0),
        sources_error=_standard_error(medians),
        overall=float(overall.mean()),
        overall_error=float(_standard_error(overall)),
    )


def mean_of_finite(values: npt.ArrayLike, axis: int | None = None) -> Array:
    """Return the mean of the finite values along an axis, or of all; NaN where there are none."""
    mean = np.ma.masked_invalid(np.asarray(values, np.float64)).mean(axis=axis)
    return np.asarray(np.ma.filled(mean, np.nan), np.float64)


def _median(scores: Array, axis: int) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # NaN is what we want to say then
        return np.asarray(np.nanmedian(np.where(np.isfinite(scores), scores, np.nan), axis))


def _standard_error(values: Array) -> Array:
    """Return that of the mean over the first axis, from the deviation within the runs at hand."""
    if len(values) == 1:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(0) / np.sqrt(len(values)))
