"""The scores of runs over songs: in memory, as JSON, and as museval writes them."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError
from partita.evaluation.aggregate import Summary, song_medians, summarise
from partita.system.atomic import write_atomically

__all__ = ["METRICS", "Excerpt", "Run", "SongScores", "load_runs", "runs_to_json", "save_runs", "with_distinct_names"]

Array = npt.NDArray[np.float64]

FORMAT, VERSION = "partita-scores", 1
METRICS = ("sdr", "isr", "sir", "sar")  # of BSSEval v4, in the order of its papers
_FRAMEWISE = (*METRICS, "energy_at_silence")
_DIGITS = 6  # decimals of a dB in JSON


@dataclass(frozen=True, eq=False)
class SongScores:
    """The scores of one song, with the sources in the order of its run.

    Attributes:
        name: Name of the song.
        seconds: Length of the song.
        frames: Scores of frames by metric (``sdr``, ``isr``, ``sir`` and ``sar`` of BSSEval v4, and
            ``energy_at_silence``), each float64 ``(sources, frames)`` in dB, NaN where a source has no score.
        whole: Scores of the whole song by metric (``sdr`` as of :func:`partita.evaluation.sdr`, and ``si_sdr``), each
            float64 ``(sources,)`` in dB, NaN for a silent reference. Empty if museval made the scores.
    """

    name: str
    seconds: float
    frames: dict[str, Array]
    whole: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A few seconds around the best or the worst frame of a source.

    Attributes:
        song: Name of the song.
        source: Name of the source.
        kind: ``"worst"`` or ``"best"``.
        start: Position of the excerpt in the song, in seconds.
        score: SDR of the frame in its middle, in dB.
        sample_rate: Hz.
        mixture: Float32 ``(channels, samples)``.
        reference: The same part of the true stem.
        estimate: The same part of the estimate.
    """

    song: str
    source: str
    kind: str
    start: float
    score: float
    sample_rate: int
    mixture: npt.NDArray[np.float32]
    reference: npt.NDArray[np.float32]
    estimate: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Run:
    """The scores of one model, one oracle or one folder of estimates over songs.

    Attributes:
        name: Name of the model, the oracle or the folder.
        sources: Names of the sources.
        window: Length of a frame in seconds.
        hop: Seconds from the start of one frame to the next.
        songs: The scores of the songs.
        failures: Why a song has no scores, by the name of the song.
        excerpts: Excerpts to listen to; they are not part of the JSON.
        oracle: Whether this is an oracle or the mixture, a bound that a report does not mark as the best model.
    """

    name: str
    sources: tuple[str, ...]
    window: float
    hop: float
    songs: tuple[SongScores, ...]
    failures: dict[str, str] = field(default_factory=dict)
    excerpts: tuple[Excerpt, ...] = ()
    oracle: bool = False

    def medians(self, metric: str = "sdr") -> Array:
        """Return the median over frames of a score of frames, ``(songs, sources)`` in dB."""
        if not self.songs:
            return np.empty((0, len(self.sources)))
        return song_medians(song.frames[metric] for song in self.songs)

    def whole(self, metric: str = "sdr") -> Array:
        """Return a score of whole songs, ``(songs, sources)`` in dB, NaN where a song has none."""
        none = np.full(len(self.sources), np.nan)
        return np.stack([song.whole.get(metric, none) for song in self.songs]) if self.songs else none[None][:0]

    def summary(self, metric: str = "sdr") -> Summary:
        """Return the summary that papers print: median over frames, then over songs."""
        return summarise([[song.frames[metric] for song in self.songs]])


def save_runs(runs: Sequence[Run], path: str | PathLike[str]) -> None:
    """Write runs as JSON.

    The schema is ``{"format": "partita-scores", "version": 1, "runs": [RUN, ...]}``. A RUN has ``name``, ``oracle``
    (true or false), ``sources``, ``window`` and ``hop`` (seconds), ``songs``, ``failures`` (reasons by song) and
    ``summary`` (dB by metric and source, median over frames and songs). A song has ``name``, ``seconds``, ``frames``
    (lists of dB by metric and source) and ``whole`` (dB by metric and source). A missing score is null; infinities are
    the strings "inf" and "-inf", because JSON has no such numbers.

    Raises:
        OutputError: The file cannot be written; an older one is unchanged.
    """
    text = json.dumps(runs_to_json(runs), indent=1, ensure_ascii=False, allow_nan=False)
    # a name that is not UTF-8 holds surrogates, which become escapes of JSON
    write_atomically(Path(path), text.encode(errors="backslashreplace"))


def runs_to_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the object that :func:`save_runs` writes as JSON."""
    return {"format": FORMAT, "version": VERSION, "runs": [_run_to_json(run) for run in runs]}


def load_runs(path: str | PathLike[str]) -> list[Run]:
    """Read scores.

    Args:
        path: A file written by :func:`save_runs`, a file written by museval (``.json`` or ``.json.gz``), or a folder
            of the latter, one file a song, which becomes one run with the name of the folder.

    Raises:
        ConfigError: The file or folder cannot be read, or holds no such scores.
    """
    path = Path(path)
    if not path.is_dir():
        facts = _read(path)
        return [_museval_run(path.parent.name, [path])] if _is_museval(facts) else _runs_from_json(path, facts)
    files = sorted(file for file in path.rglob("*.json*") if file.name.endswith((".json", ".json.gz")))
    if not files:
        raise ConfigError(f"{path}: no scores in it; expected JSON files written by museval, one a song")
    return [_museval_run(path.name, files)]


def with_distinct_names(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, numbered where several have the same name."""
    names = [run.name for run in runs]
    seen: dict[str, int] = {}
    distinct = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        distinct.append(replace(run, name=f"{run.name} {seen[run.name]}") if names.count(run.name) > 1 else run)
    return distinct


def _run_to_json(run: Run) -> dict[str, Any]:
    def by_source(values: Iterable[Any]) -> dict[str, Any]:
        return {source: _plain(value) for source, value in zip(run.sources, values, strict=True)}

    return {
        "name": run.name,
        "oracle": run.oracle,
        "sources": list(run.sources),
        "window": run.window,
        "hop": run.hop,
        "summary": {metric: by_source(run.summary(metric).sources) for metric in METRICS} if run.songs else {},
        "songs": [
            {
                "name": song.name,
                "seconds": song.seconds,
                "whole": {metric: by_source(values) for metric, values in song.whole.items()},
                "frames": {metric: by_source(values) for metric, values in song.frames.items()},
            }
            for song in run.songs
        ],
        "failures": run.failures,
    }


def _plain(value: Any) -> Any:
    if np.ndim(value):
        return [_plain(item) for item in value]
    number = float(value)
    if math.isnan(number):
        return None
    return round(number, _DIGITS) if math.isfinite(number) else str(number)


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def _read(path: Path) -> Any:
    try:
        content = path.read_bytes()
        return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'not a gzip file'}") from error
    except (ValueError, EOFError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error


def _runs_from_json(path: Path, facts: Any) -> list[Run]:
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ConfigError(f"{path}: holds no scores of partita or museval")
    if facts.get("version") != VERSION:
        raise ConfigError(f"{path}: has format version {facts.get('version')}; this partita reads version {VERSION}")
    try:
        return [_run_from_json(run) for run in facts["runs"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: incomplete scores: {type(error).__name__} {error}") from error


def _run_from_json(facts: dict[str, Any]) -> Run:
    sources = tuple(facts["sources"])
    songs = tuple(
        SongScores(
            song["name"],
            float(song["seconds"]),
            frames={
                metric: np.array([[_number(value) for value in values[source]] for source in sources])
                for metric, values in song["frames"].items()
            },
            whole={
                metric: np.array([_number(values[source]) for source in sources])
                for metric, values in song["whole"].items()
            },
        )
        for song in facts["songs"]
    )
    missing = [metric for song in songs for metric in METRICS if metric not in song.frames]
    if missing:
        raise KeyError(missing[0])
    return Run(
        facts["name"],
        sources,
        float(facts["window"]),
        float(facts["hop"]),
        songs,
        dict(facts["failures"]),
        oracle=bool(facts.get("oracle", False)),
    )


def _is_museval(facts: Any) -> bool:
    return isinstance(facts, dict) and "targets" in facts


def _museval_run(name: str, files: Sequence[Path]) -> Run:
    songs, window, hop = [], 1.0, 1.0
    sources: tuple[str, ...] = ()
    for path in files:
        facts = _read(path)
        if not _is_museval(facts):
            raise ConfigError(f"{path}: holds no scores of museval")
        try:
            targets = {target["name"]: target["frames"] for target in facts["targets"]}
            sources = sources or tuple(targets)
            frames = {
                metric: np.array(
                    [[_number(frame["metrics"][metric.upper()]) for frame in targets[source]] for source in sources]
                )
                for metric in METRICS
            }
            times = [float(frame["time"]) for frame in targets[sources[0]]]
            window = float(targets[sources[0]][0]["duration"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"{path}: incomplete scores of museval: {type(error).__name__} {error}") from error
        hop = times[1] - times[0] if len(times) > 1 else hop
        songs.append(SongScores(path.name.removesuffix(".gz").removesuffix(".json"), times[-1] + window, frames))
    return Run(name, sources, window, hop, tuple(songs))
