"""One training run: checked, planned, fitted and packaged."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from partita.data.cache import CachedSong
from partita.models.base import WaveformModel
from partita.system.allocator import keep_freed_memory
from partita.system.atomic import write_atomically
from partita.training.checkpoints import RunCheckpoint, read_checkpoint
from partita.training.config import TrainingConfig, dump_config
from partita.training.folder import last_checkpoint
from partita.training.guard import DivergenceGuard
from partita.training.interruption import StopSignals
from partita.training.loaders import Schedule, TrainingData, schedule
from partita.training.packaging import write_results
from partita.training.progress import ProgressLine
from partita.training.start import check_folder, check_songs, load_songs, start_model
from partita.training.task import SeparationTask
from partita.training.trainer import build_trainer, fit
from partita.zoo import Package, open_package

__all__ = ["train", "train_on"]

_log = logging.getLogger("partita")

_CALIBRATION = 256  # excerpts from which a model may take the statistics of its input


def train(
    config: TrainingConfig,
    *,
    data: Mapping[Path, float],
    valid: Iterable[Path] = (),
    out: Path,
    cache: Path | None = None,
    resume: bool = False,
) -> Package:
    """Train a model and leave it as a package in ``out``, with its log, curves and examples to listen to.

    With several devices Lightning starts the running program again, once for each further device. A program that does
    more than train should therefore call :func:`partita.training.train_in_process`.

    Args:
        config: Configuration of the run.
        data: Folders of songs to train on, each with a weight: how much likelier a second of its songs is drawn than
            a second of a folder with weight 1.
        valid: Folders of songs to validate on.
        out: Folder of the run.
        cache: Folder of decoded songs (default: ``out/cache``); several runs may share it.
        resume: Continue from the last checkpoint in ``out``.

    Returns:
        The package: the weights with the lowest validation loss, or the last ones if ``valid`` is empty.

    Raises:
        ConfigError: There is a run in ``out`` and ``resume`` is not set, or none to resume, or a field does not match
            the songs, the devices, the checkpoint or the package to start from.
        ModelError: The package to start from does not exist or is damaged.
        AudioError: None of the songs can be read; single ones that cannot are logged and left out.
        DivergenceError: The loss or a gradient is not finite, or has exploded.
        OutputError: A file cannot be written, for example because the disk is full; the checkpoints are kept.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; the state has been saved and can be resumed.
    """
    check_folder(out, resume=resume)
    model, init_sha256 = start_model(config, resume=resume)
    songs = load_songs(data, model, cache or out / "cache")
    valid_songs = load_songs(valid, model, cache or out / "cache")
    weights = [data[song.song.root] for song in songs if song.song.root is not None]
    return train_on(
        config, model, songs, weights=weights, valid=valid_songs, out=out, resume=resume, init_sha256=init_sha256
    )


def train_on(
    config: TrainingConfig,
    model: WaveformModel,
    songs: list[CachedSong],
    *,
    weights: list[float],
    valid: Sequence[CachedSong],
    out: Path,
    resume: bool = False,
    init_sha256: str | None = None,
    callbacks: Iterable[Callback] = (),
) -> Package:
    """Train a model on decoded songs, as :func:`train` does.

    Args:
        config: Configuration of the run.
        model: As of :func:`partita.training.start.start_model`.
        songs: Songs to train on.
        weights: Weight of each of these songs.
        valid: Songs to validate on.
        out: Folder of the run.
        resume: Continue from the last checkpoint in ``out``.
        init_sha256: Of the weights file that the model was loaded from.
        callbacks: Lightning callbacks in addition to the run's own.
    """
    check_songs(config, weights, valid)
    plan = schedule(config, model, [song.samples for song in songs])
    last = last_checkpoint(out)
    done = read_checkpoint(last, config)["global_step"] if resume else 0
    keep_freed_memory()
    task = SeparationTask(model, config, steps=plan.steps, valid=valid, init_sha256=init_sha256)
    feed = TrainingData(config, model, songs, weights=weights, valid=len(valid), steps=plan.steps)
    stop = StopSignals()
    keeper = RunCheckpoint(
        last.parent,
        minutes=config.run.checkpoint_minutes,
        steps=plan.steps,
        patience=config.optim.early_stop,
        stop=stop,
    )
    progress = ProgressLine(plan.steps, config.data.batch_size * config.data.segment)
    watchers = [stop, DivergenceGuard(), progress, *callbacks, keeper]
    trainer = build_trainer(config, out, plan, watchers, validate=bool(valid))
    if trainer.is_global_zero:
        write_atomically(out / "config.toml", dump_config(config).encode())
        _log_start(model, songs, valid, plan)
    if not resume and config.model.init is None:
        model.calibrate(feed.excerpts[index].sum(0)[None] for index in range(min(_CALIBRATION, len(feed.excerpts))))
    if done < plan.steps:
        fit(trainer, task, feed, keeper=keeper, stop=stop, checkpoint=last if resume else None, out=out)
    if trainer.is_global_zero:
        best = last.with_name("best.ckpt")
        write_results(best if valid and best.exists() else last, config, out, (valid or songs)[0])
    trainer.strategy.barrier("the package is written")
    return open_package(out)


def _log_start(model: WaveformModel, songs: Sequence[CachedSong], valid: Sequence[CachedSong], plan: Schedule) -> None:
    hours = sum(song.samples for song in songs) / model.sample_rate / 3600
    _log.info(
        "training on %d songs (%.1f h) for %d steps, validating on %d songs", len(songs), hours, plan.steps, len(valid)
    )
