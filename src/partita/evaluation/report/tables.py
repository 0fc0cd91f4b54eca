"""The tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt

from partita.evaluation.aggregate import mean_of_finite
from partita.evaluation.results import Run

__all__ = ["SCORES", "Candidate", "ScoreKind", "SilenceRow", "SongRow", "candidates", "silence_rows", "song_rows"]

Array = npt.NDArray[np.float64]

# the colour-blind safe palette of Okabe and Ito, in an order that keeps similar colours apart
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


@dataclass(frozen=True)
class ScoreKind:
    """A score by which a report compares runs, in dB; more is better.

    Attributes:
        key: Identifier in the page.
        label: Name in the page.
        metric: Name in a :class:`~partita.evaluation.SongScores`.
        whole: Whether it is a score of whole songs, not of frames.
    """

    key: str
    label: str
    metric: str
    whole: bool = False


SCORES = (
    ScoreKind("sdr", "SDR", "sdr"),
    ScoreKind("sir", "SIR", "sir"),
    ScoreKind("isr", "ISR", "isr"),
    ScoreKind("sar", "SAR", "sar"),
    ScoreKind("song-sdr", "Whole-song SDR", "sdr", whole=True),
    ScoreKind("si-sdr", "SI-SDR", "si_sdr", whole=True),
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A run with its label and colour in a report.

    Attributes:
        label: A letter.
        colour: Colour of its marks, ``#rrggbb``.
        run: The run.
        sources: Names of the sources of all runs of the report.
    """

    label: str
    colour: str
    run: Run
    sources: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """Total length of the songs that have scores."""
        return sum(song.seconds for song in self.run.songs) / 60

    def songs(self, score: ScoreKind) -> Array:
        """Return a score of each song and source, ``(songs, sources)`` in dB, NaN if missing."""
        return self._spread(self.run.whole(score.metric) if score.whole else self.run.medians(score.metric))

    def song_means(self, score: ScoreKind) -> Array:
        """Return the mean of a score over the sources that have it, ``(songs,)`` in dB."""
        return mean_of_finite(self.songs(score), axis=1)

    def summary(self, score: ScoreKind) -> Array:
        """Return a score of each source, then their mean, ``(sources + 1,)`` in dB.

        As papers do, this is the median over songs for scores of frames, and the mean for those of whole songs.
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
        """Map ``(songs, sources of the run)`` to ``(songs, sources of the report)``, NaN if missing."""
        spread = np.full((len(values), len(self.sources)), np.nan)
        spread[:, [self.sources.index(source) for source in self.run.sources]] = values
        return spread


@dataclass(frozen=True)
class SongRow:
    """A song in the table of one score.

    Attributes:
        name: Name of the song.
        seconds: Length of the song.
        cells: The score of each run in dB, for each source and then for their mean.
    """

    name: str
    seconds: float
    cells: list[list[float]]


@dataclass(frozen=True)
class SilenceRow:
    """The energy of a run's estimates where one source is silent.

    Attributes:
        candidate: The run.
        frames: Number of silent frames.
        median: Median of the energy in them, in dB of full scale; ``-inf`` for digital silence.
        loud: 95th percentile of the energy, in the same unit.
    """

    candidate: Candidate
    frames: int
    median: float
    loud: float


def candidates(runs: Sequence[Run]) -> list[Candidate]:
    """Give each run a letter and a colour."""
    sources = tuple(dict.fromkeys(source for run in runs for source in run.sources))
    return [Candidate(ascii_uppercase[at], _COLOURS[at % len(_COLOURS)], run, sources) for at, run in enumerate(runs)]


def song_rows(entries: Sequence[Candidate], score: ScoreKind) -> list[SongRow]:
    """Return one score of all songs, beginning with those of the first run."""
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


def silence_rows(entries: Sequence[Candidate]) -> dict[str, list[SilenceRow]]:
    """Return the energy at silence of each source that is silent somewhere."""
    found: dict[str, list[SilenceRow]] = {}
    for entry in entries:
        songs = [song.frames["energy_at_silence"] for song in entry.run.songs if "energy_at_silence" in song.frames]
        for source, powers in zip(entry.run.sources, np.concatenate(songs, axis=1) if songs else (), strict=False):
            silent = powers[~np.isnan(powers)]
            if silent.size:
                # no interpolation, which -inf does not allow
                median, loud = np.percentile(silent, [50, 95], method="inverted_cdf")
                found.setdefault(source, []).append(SilenceRow(entry, silent.size, float(median), float(loud)))
    return {source: found[source] for source in entries[0].sources if source in found}
