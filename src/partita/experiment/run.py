"""Training and scoring what an experiment lacks yet."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from partita.data import find_songs
from partita.errors import ConfigError, PartitaError, nearest
from partita.evaluation.estimates import estimates_by
from partita.evaluation.results import Run, load_runs, save_runs
from partita.evaluation.run import Scoring, evaluate, sources_of
from partita.experiment.plan import Experiment, System
from partita.system.atomic import write_atomically
from partita.training.config import TrainingConfig, dump_config
from partita.zoo.card import CARD_NAME

__all__ = ["load_scores", "run_experiment"]

_log = logging.getLogger("partita")

Progress = Callable[[str], None]


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
    progress: Progress | None = None,
) -> dict[str, str]:
    """Train every system that has no package yet, going on where one was interrupted, and score what has no scores.

    A system is in ``out/NAME-SEED``, its scores in ``out/scores/TEST/NAME-SEED.json`` with TEST the name of the
    folder of songs. What is there is not made again.

    Args:
        experiment: What to compare.
        data: Folders of songs to train on, and how much likelier a second of each is.
        valid: Folders of songs that choose the best state of each.
        test: Folders of songs to score on.
        out: Folder of all runs.
        cache: Where decoded songs are kept, for all runs; ``out/cache`` by default.
        only: Names of systems; all by default.
        jobs: Songs scored at the same time.
        progress: Called with what is being done.

    Returns:
        Name and seed of each system that failed -> why; the others are done.

    Raises:
        ConfigError: A name of ``only`` is unknown.
    """
    names = [system.name for system in experiment.systems]
    for name in only:
        if name not in names:
            raise ConfigError(f"no system {name!r}{nearest(name, names)}")
    say = progress or _log.info
    failures = {}
    for system in experiment.systems:
        if only and system.name not in only:
            continue
        for seed in _seeds(experiment, system):
            label = _label(system, seed)
            try:
                if system.config is not None and not (out / label / CARD_NAME).exists():
                    say(f"{label}: training")
                    config = experiment.config_of(system, seed or 0)
                    _train(config, data, valid, out, label, cache or out / "cache")
                for folder in test:
                    path = _scores_path(out, folder.name, label)
                    if not path.exists():
                        say(f"{label}: scoring on {folder.name}")
                        save_runs([_score(experiment, system, label, out, folder, jobs)], path)
            except PartitaError as error:
                failures[label] = str(error)
    return failures


def load_scores(experiment: Experiment, out: Path) -> dict[str, dict[str, list[Run]]]:
    """Read the scores there are: test folder -> system -> one run a seed.

    Raises:
        ConfigError: A file of scores is damaged.
    """
    found: dict[str, dict[str, list[Run]]] = {}
    for test in sorted(path.name for path in (out / "scores").glob("*") if path.is_dir()):
        for system in experiment.systems:
            paths = [_scores_path(out, test, _label(system, seed)) for seed in _seeds(experiment, system)]
            runs = [run for path in paths if path.exists() for run in load_runs(path)]
            if runs:
                found.setdefault(test, {})[system.name] = runs
    return found


def _train(
    config: TrainingConfig, data: Mapping[Path, float], valid: Sequence[Path], out: Path, label: str, cache: Path
) -> None:
    """Train in a process of its own: its memory ends with it, and Lightning may start it again on every GPU."""
    chosen = out / "configurations" / f"{label}.toml"
    write_atomically(chosen, dump_config(config).encode())
    words = ["train", str(chosen), "--out", str(out / label), "--cache", str(cache)]
    for root, weight in data.items():
        words += ["--data", f"{root}={weight}"]
    for root in valid:
        words += ["--valid", str(root)]
    if (out / label / "checkpoints" / "last.ckpt").exists():
        words.append("--resume")
    done = subprocess.run([sys.executable, "-m", "partita", *words], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise PartitaError(f"its training ended with exit code {done.returncode} and said why")


def _score(experiment: Experiment, system: System, label: str, out: Path, test: Path, jobs: int) -> Run:
    how = experiment.evaluation
    estimator = estimates_by(system.oracle or str(out / label), shifts=how.shifts, overlap=how.overlap)
    songs = find_songs([test])
    run = evaluate(estimator, songs, sources_of(songs), Scoring(museval_silence=how.museval_silence), jobs=jobs)
    if run.failures:
        song, why = next(iter(run.failures.items()))
        raise PartitaError(f"{len(run.failures)} of the songs of {test} have no scores, the first {song}: {why}")
    return run


def _seeds(experiment: Experiment, system: System) -> tuple[int | None, ...]:
    return experiment.seeds if system.config is not None else (None,)


def _label(system: System, seed: int | None) -> str:
    return system.name if seed is None else f"{system.name}-{seed}"


def _scores_path(out: Path, test: str, label: str) -> Path:
    return out / "scores" / test / f"{label}.json"
