"""Medians and means: from the scores of frames to the figures that papers print."""

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
    """One score of a model over a set of songs, in dB; NaN where no frame of any song has a score.

    Attributes:
        sources: Median over songs, mean over runs, float64 ``(sources,)``.
        sources_error: Standard error of that mean, float64 ``(sources,)``; NaN for a single run.
        overall: Mean over sources.
        overall_error: Standard error of the mean over sources; NaN for a single run.
    """

    sources: Array
    sources_error: Array
    overall: float
    overall_error: float


def song_medians(songs: Iterable[npt.ArrayLike]) -> Array:
    """Return the median over frames of each song and source.

    Frames with no score or an infinite one are left out, as museval writes both as NaN.

    Args:
        songs: The scores of each song, ``(sources, frames)`` in dB.

    Returns:
        Float64 ``(songs, sources)`` in dB, NaN where no frame has a score.
    """
    return np.stack([_median(np.asarray(song, np.float64), axis=1) for song in songs])


def summarise(runs: Iterable[Iterable[npt.ArrayLike]]) -> Summary:
    """Summarise a score as papers do: median over frames, median over songs, mean over runs.

    Args:
        runs: The runs of one model, one for each seed. A run is the scores of its songs, each ``(sources, frames)``
            in dB.
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
    """Return the mean of the finite values along an axis (default: of all values), NaN where there are none."""
    mean = np.ma.masked_invalid(np.asarray(values, np.float64)).mean(axis=axis)
    return np.asarray(np.ma.filled(mean, np.nan), np.float64)


def _median(scores: Array, axis: int) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # the result is NaN, as intended
        return np.asarray(np.nanmedian(np.where(np.isfinite(scores), scores, np.nan), axis))


def _standard_error(values: Array) -> Array:
    """Return the standard error of the mean over the first axis, from the population standard deviation."""
    if len(values) == 1:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(0) / np.sqrt(len(values)))
