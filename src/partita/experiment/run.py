"""Running an experiment: training and scoring whatever has not been trained and scored yet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from partita.data import find_songs
from partita.errors import ConfigError, PartitaError, nearest
from partita.evaluation import EvaluationProgress, Run, Scoring, estimator_for, evaluate, load_runs, save_runs
from partita.evaluation.run import require_extras
from partita.experiment.plan import Experiment, System
from partita.training import has_checkpoint, train_in_process
from partita.zoo.card import CARD_NAME

__all__ = ["load_scores", "run_experiment"]

_log = logging.getLogger("partita")


def run_experiment(
    experiment: Experiment,
    *,
    data: Mapping[Path, float],
    valid: Sequence[Path],
    test: Sequence[Path],
    out: Path,
    cache: Path | None = None,
    only: Sequence[str] = (),
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> dict[str, str]:
    """Train each system that has no model package yet, resuming an interrupted run, and score it.

    The package of a system is ``out/NAME-SEED``, and its scores are ``out/scores/TEST/NAME-SEED.json``, with TEST the
    name of the folder of songs. Existing packages and scores are kept. All folders are checked before any work starts.

    Args:
        experiment: The systems to compare.
        data: Folders of songs to train on, each with the factor by which a second of it is drawn more often.
        valid: Folders of songs to validate on.
        test: Folders of songs to score on; their names must differ.
        out: Folder of the packages and scores.
        cache: Folder of decoded songs, shared by all runs (default: ``out/cache``).
        only: Names of the systems to run (default: all).
        jobs: Number of songs to score at the same time.
        progress: Called with a line of text when a step starts or a song fails (default: the log).

    Returns:
        Why a system failed, by its name and seed. The other systems are done.

    Raises:
        ConfigError: A name in ``only`` is unknown, two test folders have the same name, there is no data to train on,
            or a package of the extra ``evaluate`` is missing.
        AudioError: A folder does not exist, or holds no songs.
    """
    names = [system.name for system in experiment.systems]
    for name in only:
        if name not in names:
            raise ConfigError(f"no system {name!r}{nearest(name, names)}")
    systems = [system for system in experiment.systems if not only or system.name in only]
    _check_folders(systems, data, valid, test)
    require_extras()
    say = progress or _log.info
    failures = {}
    for system in systems:
        for seed in _seeds(experiment, system):
            label = _label(system, seed)
            try:
                if seed is not None and not (out / label / CARD_NAME).exists():
                    say(f"{label}: training")
                    train_in_process(
                        experiment.config_of(system, seed),
                        data=data,
                        valid=valid,
                        out=out / label,
                        cache=cache or out / "cache",
                        resume=has_checkpoint(out / label),
                    )
                for folder in test:
                    path = _scores_path(out, folder, label)
                    if not path.exists():
                        say(f"{label}: scoring on {folder}")
                        save_runs([_score(experiment, system, label, out, folder, jobs, say)], path)
            except PartitaError as error:
                failures[label] = str(error)
    return failures


def load_scores(experiment: Experiment, out: Path) -> dict[str, dict[str, list[Run]]]:
    """Read the existing scores of an experiment.

    Args:
        experiment: The systems to compare.
        out: Folder of the packages and scores.

    Returns:
        The runs, one a seed, by the name of the test folder and by system.

    Raises:
        ConfigError: A file of scores is damaged.
    """
    found: dict[str, dict[str, list[Run]]] = {}
    for test in sorted(path for path in (out / "scores").glob("*") if path.is_dir()):
        for system in experiment.systems:
            paths = [_scores_path(out, test, _label(system, seed)) for seed in _seeds(experiment, system)]
            runs = [run for path in paths if path.exists() for run in load_runs(path)]
            if runs:
                found.setdefault(test.name, {})[system.name] = runs
    return found


def _check_folders(
    systems: Iterable[System], data: Iterable[Path], valid: Iterable[Path], test: Iterable[Path]
) -> None:
    """Raise before hours of training what would otherwise be raised after them."""
    if not list(data) and any(system.config is not None for system in systems):
        raise ConfigError("data: give at least one folder of songs to train on")
    scored: dict[str, Path] = {}
    for folder in test:
        other = scored.setdefault(_test_name(folder), folder)
        if other is not folder:
            raise ConfigError(f"test: {other} and {folder} have the same name, so their scores would be; rename one")
    for folder in (*data, *valid, *test):
        find_songs([folder])


def _score(
    experiment: Experiment, system: System, label: str, out: Path, test: Path, jobs: int, say: Callable[[str], None]
) -> Run:
    def show(progress: EvaluationProgress) -> None:
        if progress.failure is not None:
            say(f"{label}: {progress.song}: {progress.failure}")

    how = experiment.evaluation
    estimator = estimator_for(system.oracle or out / label, shifts=how.shifts, overlap=how.overlap)
    scoring = Scoring(museval_silence=how.museval_silence)
    run = evaluate(estimator, find_songs([test]), scoring=scoring, jobs=jobs, progress=show)
    if run.failures:
        song, why = next(iter(run.failures.items()))
        total = len(run.failures) + len(run.songs)
        raise PartitaError(
            f"{len(run.failures)} of {total} songs of {test} could not be scored, the first is {song}: {why}"
        )
    return run


def _seeds(experiment: Experiment, system: System) -> tuple[int | None, ...]:
    return experiment.seeds if system.config is not None else (None,)


def _label(system: System, seed: int | None) -> str:
    return system.name if seed is None else f"{system.name}-{seed}"


def _test_name(test: Path) -> str:
    return test.resolve().name


def _scores_path(out: Path, test: Path, label: str) -> Path:
    return out / "scores" / _test_name(test) / f"{label}.json"
