"""The figures of a report, arranged as it shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt

from partita.evaluation.aggregate import mean_of_finite
from partita.evaluation.results import Run

__all__ = ["SCORES", "Candidate", "Leak", "Score", "SongRow", "candidates", "leaks", "song_rows"]

Array = npt.NDArray[np.float64]

# Okabe and Ito's colours, which differ for all kinds of sight, in an order where neighbours differ most
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


@dataclass(frozen=True)
class Score:
    """What a report compares runs by; more is better, in dB.

    Attributes:
        key: For links.
        label: For readers.
        metric: Its name in a :class:`~partita.evaluation.results.SongScores`.
        whole: Whether it is of whole songs, not of frames.
    """

    key: str
    label: str
    metric: str
    whole: bool = False


SCORES = (
    Score("sdr", "SDR", "sdr"),
    Score("sir", "SIR", "sir"),
    Score("isr", "ISR", "isr"),
    Score("sar", "SAR", "sar"),
    Score("song-sdr", "Whole-song SDR", "sdr", whole=True),
    Score("si-sdr", "SI-SDR", "si_sdr", whole=True),
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A run as a report names it.

    Attributes:
        label: A letter.
        colour: Of its marks, ``#rrggbb``.
        run: Its scores.
        sources: Names of the sources of the whole report.
    """

    label: str
    colour: str
    run: Run
    sources: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """Length of the songs that have scores."""
        return sum(song.seconds for song in self.run.songs) / 60

    def songs(self, score: Score) -> Array:
        """Return a score of each song and source, ``(songs, sources)`` in dB; NaN where there is none."""
        return self._spread(self.run.whole(score.metric) if score.whole else self.run.medians(score.metric))

    def song_means(self, score: Score) -> Array:
        """Return the mean over the sources that have a score, ``(songs,)`` in dB."""
        return mean_of_finite(self.songs(score), axis=1)

    def summary(self, score: Score) -> Array:
        """Return a score of each source, then their mean, ``(sources + 1,)`` in dB.

        The median over songs; the mean for whole songs, as published in either case.
        """
        none = np.full(len(self.sources) + 1, np.nan)
        if not self.run.songs:
            return none
        if score.whole:
            values = mean_of_finite(self.run.whole(score.metric), axis=0)
            overall = float(mean_of_finite(values))
        else:
            found = self.run.summary(score.metric)
            values, overall = found.sources, found.overall
        return np.append(self._spread(values[None])[0], overall)

    def _spread(self, values: Array) -> Array:
        """Return ``(songs, sources of the run)`` as ``(songs, sources of the report)``."""
        spread = np.full((len(values), len(self.sources)), np.nan)
        spread[:, [self.sources.index(source) for source in self.run.sources]] = values
        return spread


@dataclass(frozen=True)
class SongRow:
    """A song in a table of one score.

    Attributes:
        name: Of the song.
        seconds: Its length.
        cells: For each source and then their mean, the score of each run, dB.
    """

    name: str
    seconds: float
    cells: list[list[float]]


@dataclass(frozen=True)
class Leak:
    """What a run predicts where a source is silent.

    Attributes:
        candidate: The run.
        frames: How many frames are silent.
        median: Of the power predicted in them, dB of full scale; -inf where nothing is.
        loud: Its 95th percentile, the same unit.
    """

    candidate: Candidate
    frames: int
    median: float
    loud: float


def candidates(runs: Sequence[Run]) -> list[Candidate]:
    """Return the runs with a letter and a colour each."""
    sources = tuple(dict.fromkeys(source for run in runs for source in run.sources))
    return [Candidate(ascii_uppercase[at], _COLOURS[at % len(_COLOURS)], run, sources) for at, run in enumerate(runs)]


def song_rows(entries: Sequence[Candidate], score: Score) -> list[SongRow]:
    """Return one score of all songs, those of the first run first."""
    seconds = {song.name: song.seconds for entry in reversed(entries) for song in entry.run.songs}
    names = dict.fromkeys(song.name for entry in entries for song in entry.run.songs)
    scores = []
    for entry in entries:
        values = np.column_stack([entry.songs(score), entry.song_means(score)])
        scores.append({song.name: row.tolist() for song, row in zip(entry.run.songs, values, strict=True)})
    none = [np.nan] * (len(entries[0].sources) + 1)
    return [
        SongRow(
            name, seconds[name], [list(cell) for cell in zip(*(row.get(name, none) for row in scores), strict=True)]
        )
        for name in names
    ]


def leaks(entries: Sequence[Candidate]) -> dict[str, list[Leak]]:
    """Return what is predicted where a source is silent, by source; nothing of sources that never are."""
    found: dict[str, list[Leak]] = {}
    for entry in entries:
        songs = [song.frames["energy_at_silence"] for song in entry.run.songs if "energy_at_silence" in song.frames]
        for source, powers in zip(entry.run.sources, np.concatenate(songs, axis=1) if songs else (), strict=False):
            silent = powers[~np.isnan(powers)]
            if silent.size:
                # of the values there are, as -inf does not interpolate
                median, loud = np.percentile(silent, [50, 95], method="inverted_cdf")
                found.setdefault(source, []).append(Leak(entry, silent.size, float(median), float(loud)))
    return {source: found[source] for source in entries[0].sources if source in found}
