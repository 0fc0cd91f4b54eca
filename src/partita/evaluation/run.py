"""Scoring a set of songs, one or several at a time. If one song fails, the others are still scored."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt

from partita.data import Song
from partita.errors import AudioError, ConfigError, PartitaError, unexpected
from partita.evaluation.bss_eval import bss_eval
from partita.evaluation.estimates import Estimator
from partita.evaluation.results import Excerpt, Run, SongScores
from partita.evaluation.sdr import sdr, si_sdr
from partita.evaluation.silence import energy_at_silence
from partita.evaluation.stems import Signals
from partita.evaluation.tracks import ReferenceTrack, open_track
from partita.system.cores import usable_cores
from partita.system.extras import needs_extra

__all__ = ["EvaluationProgress", "Scoring", "evaluate", "require_extras", "sources_of"]

_EXCERPT = 6.0  # seconds
_LONGEST_FRAME = 86_400  # seconds
_USUAL = ("drums", "bass", "other", "vocals")  # the order of the paper's tables, before any other stems


@dataclass(frozen=True)
class Scoring:
    """How songs are scored.

    Attributes:
        window: Length of a frame in seconds.
        hop: Seconds from the start of one frame to the next.
        museval_silence: Treat silence as museval does (see :func:`partita.evaluation.bss_eval`).

    Raises:
        ConfigError: The window or the hop is not positive, or longer than a day.
    """

    window: float = 1.0
    hop: float = 1.0
    museval_silence: bool = False

    def __post_init__(self) -> None:
        for name in ("window", "hop"):
            seconds = getattr(self, name)
            if not seconds > 0:
                raise ConfigError(f"{name}: must be more than 0 seconds, not {seconds}")
            if seconds > _LONGEST_FRAME:
                raise ConfigError(f"{name}: must be at most {_LONGEST_FRAME} seconds, not {seconds}")


@dataclass(frozen=True)
class EvaluationProgress:
    """How far an evaluation is.

    Attributes:
        run: Name of the run.
        done: Number of its songs that are done, scored or not.
        total: Number of its songs.
        song: Name of the song just done; ``None`` before the first.
        failure: Why that song has no scores; ``None`` if it has.
    """

    run: str
    done: int
    total: int
    song: str | None = None
    failure: str | None = None


def evaluate(
    estimator: Estimator,
    songs: Sequence[Song],
    sources: Sequence[str] | None = None,
    scoring: Scoring | None = None,
    *,
    jobs: int = 1,
    threads: int | None = None,
    progress: Callable[[EvaluationProgress], None] | None = None,
) -> Run:
    """Score the estimates of songs, in memory that does not grow with their length.

    Args:
        estimator: What makes the estimates.
        songs: The true stems.
        sources: Names of the stems to score (default: all that any song has).
        scoring: How to score (default: frames of 1 s without overlap, as papers do).
        jobs: Number of songs to score at the same time, each in its own process.
        threads: Number of threads, divided among the jobs (default: the cores that this process may use).
        progress: Called before the first song and after each.

    Returns:
        The scores. Songs that could not be scored are in its ``failures``.

    Raises:
        ConfigError: An option is invalid, there are no sources, or a package of the extra ``evaluate`` is missing.
    """
    require_extras()
    sources = sources_of(songs) if sources is None else tuple(sources)
    if jobs < 1:
        raise ConfigError(f"jobs: must be at least 1, not {jobs}")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: must be at least 1, not {threads}")
    if not sources:
        raise ConfigError("sources: name at least one stem")
    if twice := [name for name in sources if sources.count(name) > 1]:
        raise ConfigError(f"sources: {twice[0]!r} is listed twice; list each stem once")
    scoring = scoring or Scoring()
    each = max(1, (threads or usable_cores()) // jobs)
    tasks = [_Task(song, sources, estimator, scoring, each) for song in songs]
    name = estimator.name
    if progress is not None:
        progress(EvaluationProgress(name, 0, len(songs)))
    done: dict[str, SongScores] = {}
    failures: dict[str, str] = {}
    excerpts: dict[tuple[str, str], Excerpt] = {}
    for task, outcome in _outcomes(tasks, jobs):
        if isinstance(outcome, PartitaError):
            failures[task.song.name] = str(outcome)
        else:
            done[task.song.name], found = outcome
            for excerpt in found:
                _keep_extreme(excerpts, excerpt)
        if progress is not None:
            at = len(done) + len(failures)
            progress(EvaluationProgress(name, at, len(songs), task.song.name, failures.get(task.song.name)))
    return Run(
        name,
        sources,
        scoring.window,
        scoring.hop,
        songs=tuple(done[song.name] for song in songs if song.name in done),
        failures={song.name: failures[song.name] for song in songs if song.name in failures},
        excerpts=tuple(excerpts[key] for key in sorted(excerpts, key=lambda key: (sources.index(key[0]), key[1]))),
        oracle=estimator.oracle,
    )


def sources_of(songs: Sequence[Song]) -> tuple[str, ...]:
    """Return the names of all stems that any song has, in the order of the paper's tables."""
    names = {name for song in songs for name in song.stems}
    return (*(name for name in _USUAL if name in names), *sorted(names.difference(_USUAL)))


def require_extras() -> None:
    """Check that the packages that scoring needs are installed, before hours of other work.

    Raises:
        ConfigError: A package of the extra ``evaluate`` is missing.
    """
    with needs_extra("evaluate"):
        import scipy.linalg  # noqa: F401
        import threadpoolctl  # noqa: F401


@dataclass(frozen=True)
class _Task:
    song: Song
    sources: tuple[str, ...]
    estimator: Estimator
    scoring: Scoring
    threads: int


Outcome = tuple[SongScores, list[Excerpt]] | PartitaError


def _outcomes(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[_Task, Outcome]]:
    """Yield each song with its scores or its failure, in the order in which they are done."""
    if jobs == 1:
        for task in tasks:
            yield task, _score(task)
        return
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # the workers end when this process closes its end of the pipe, or is killed
    with ours, theirs, ProcessPoolExecutor(jobs, context, _end_with_parent, (ours,)) as pool:
        futures = {pool.submit(_score, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    lost = "its process ended unexpectedly, perhaps out of memory; use fewer jobs"
                    yield futures[future], PartitaError(lost)
        except BaseException:
            theirs.close()  # no song is waited for
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent(parent: Connection) -> None:
    """Let a worker end at once when the other end of a pipe is closed; it is interrupted through its parent alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with suppress(EOFError, OSError):
            parent.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _score(task: _Task) -> Outcome:
    try:
        track = open_track(task.song, task.sources)
        estimates = task.estimator.estimate(track, task.threads)
        scores = _score_track(track, estimates, task)
        return scores, list(_excerpts(track, estimates, scores.frames["sdr"], task.scoring))
    except ConfigError:  # of the options, so every other song would fail too
        raise
    except OSError as error:
        return AudioError(f"{task.song.name}: {error.strerror or error}")
    except Exception as error:  # the others are scored, whatever is wrong with this one
        return unexpected(task.song.name, error)


def _score_track(track: ReferenceTrack, estimates: Signals, task: _Task) -> SongScores:
    references, rate = track.references, track.sample_rate
    window, hop = round(task.scoring.window * rate), round(task.scoring.hop * rate)
    try:
        scores = bss_eval(
            references, estimates, window, hop, museval_silence=task.scoring.museval_silence, threads=task.threads
        )
    except ValueError as error:  # a source silent throughout, with museval_silence
        raise AudioError(f"{track.name}: {error}") from error
    return SongScores(
        track.name,
        references.shape[2] / rate,
        frames={
            "sdr": scores.sdr,
            "isr": scores.isr,
            "sir": scores.sir,
            "sar": scores.sar,
            "energy_at_silence": energy_at_silence(references, estimates, window, hop),
        },
        whole={"sdr": sdr(references, estimates), "si_sdr": si_sdr(references, estimates)},
    )


def _excerpts(
    track: ReferenceTrack, estimates: Signals, scores: npt.NDArray[np.float64], scoring: Scoring
) -> Iterator[Excerpt]:
    """Yield the surroundings of the worst and the best frame of each source, among its louder half."""
    references, rate = track.references, track.sample_rate
    window, hop = round(scoring.window * rate), round(scoring.hop * rate)
    length = min(round(_EXCERPT * rate), references.shape[2])
    for index, source in enumerate(track.sources):
        frames = range(scores.shape[1])
        powers = [
            np.square(references[index : index + 1, :, at * hop : at * hop + window], dtype=np.float64).mean()
            for at in frames
        ]
        heard = [at for at in frames if np.isfinite(scores[index, at])]
        if not heard:
            continue
        usual = np.median([powers[at] for at in heard])
        loud = [at for at in heard if powers[at] >= usual]
        for kind, pick in (("worst", min), ("best", max)):
            frame = pick(loud, key=lambda at: scores[index, at])
            start = max(0, min(frame * hop + (window - length) // 2, references.shape[2] - length))
            part = slice(start, start + length)
            yield Excerpt(
                track.name,
                source,
                kind,
                start / rate,
                float(scores[index, frame]),
                rate,
                track.mixture[:, part],
                np.array(references[index : index + 1, :, part][0]),  # copies: the stems are on disk for now only
                np.array(estimates[index : index + 1, :, part][0]),
            )


def _keep_extreme(excerpts: dict[tuple[str, str], Excerpt], excerpt: Excerpt) -> None:
    key = (excerpt.source, excerpt.kind)
    kept = excerpts.get(key)
    if kept is None or (excerpt.score < kept.score if excerpt.kind == "worst" else excerpt.score > kept.score):
        excerpts[key] = excerpt
