"""Scoring folders of estimates and models against a folder of songs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from partita.data import Song
from partita.data.songs import scan_root
from partita.errors import AudioError, ConfigError, PartitaError
from partita.evaluation.estimates import Estimator, FolderEstimates, estimator_for
from partita.evaluation.results import Run
from partita.evaluation.run import EvaluationProgress, Scoring, evaluate
from partita.options import DEFAULT_OVERLAP

__all__ = ["evaluate_folders"]


def evaluate_folders(
    references: str | PathLike[str],
    estimates: Iterable[str | PathLike[str]] = (),
    models: Iterable[str | PathLike[str]] = (),
    *,
    sources: Sequence[str] | None = None,
    scoring: Scoring | None = None,
    shifts: int = 0,
    overlap: float = DEFAULT_OVERLAP,
    device: str | None = None,
    jobs: int = 1,
    threads: int | None = None,
    progress: Callable[[EvaluationProgress], None] | None = None,
) -> list[Run]:
    """Score folders of estimates, models and oracles against a folder of songs, as ``partita evaluate`` does.

    ::

        from partita.evaluation import evaluate_folders, save_runs
        from partita.evaluation.report import write_report

        runs = evaluate_folders("musdb18hq/test", estimates=["theirs"], models=["default", "irm2"], jobs=2)
        save_runs(runs, "scores.json")
        write_report(runs, "report.html")

    Args:
        references: Folder of songs, ``SONG/STEM.wav`` in any format, or MUSDB18's ``SONG.stem.mp4``.
        estimates: Folders of estimates, laid out in the same way.
        models: Names of models or oracles, or folders of model packages. Models separate ``mixture.*`` of a song if
            there is one, else the sum of its stems.
        sources: Names of the stems to score (default: all that any song has).
        scoring: How to score (default: frames of 1 s without overlap, as papers do).
        shifts: Number of passes that models average.
        overlap: Fraction of a window that the next one covers too, in models.
        device: Where models run: ``cpu``, ``cuda``, ... (default: the fastest).
        jobs: Number of songs to score at the same time, each in its own process.
        threads: Number of threads, divided among the jobs (default: the cores that this process may use).
        progress: Called before the first song of a run, after each song, and for each that cannot be read.

    Returns:
        A run for each folder of estimates, then one for each model. A song that could not be scored is in the
        ``failures`` of a run, also if its references are at fault.

    Raises:
        AudioError: A folder does not exist, or holds no songs that can be read.
        ModelError: There is no such model or oracle, or its package is damaged.
        ConfigError: Nothing to score was given, an option is invalid, or a package of the extra ``evaluate`` is
            missing.
    """
    songs, unreadable = _read_references(Path(references))
    estimators: list[Estimator] = [FolderEstimates.open(folder) for folder in estimates]
    estimators += [estimator_for(model, shifts=shifts, overlap=overlap, device=device) for model in models]
    if not estimators:
        raise ConfigError("give a folder of estimates or a model to score")
    runs = []
    for estimator in estimators:
        run = evaluate(estimator, songs, sources, scoring, jobs=jobs, threads=threads, progress=progress)
        runs.append(replace(run, failures={**unreadable, **run.failures}))
        if progress is not None:
            for song, failure in unreadable.items():
                progress(EvaluationProgress(run.name, len(songs), len(songs), song, failure))
    return runs


def _read_references(root: Path) -> tuple[list[Song], dict[str, str]]:
    """Return the songs of a folder, and why the others cannot be read, by their names."""
    songs, unreadable = [], {}
    for path, found in scan_root(root):
        if isinstance(found, PartitaError):
            unreadable[path.name] = str(found)
        else:
            songs.append(found)
    if not songs:
        raise AudioError(next(iter(unreadable.values())))
    return songs, unreadable
