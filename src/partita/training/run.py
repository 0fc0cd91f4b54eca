"""One training run: data, model and trainer put together, and the model package at the end."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from partita.data import find_songs
from partita.data.cache import CachedSong, cache_songs
from partita.errors import ConfigError, DivergenceError, OutputError
from partita.models import build
from partita.models.base import WaveformModel
from partita.system.allocator import keep_freed_memory
from partita.system.atomic import write_atomically
from partita.training import report
from partita.training.checkpoints import AtomicCheckpointIO, RunCheckpoint, read_checkpoint
from partita.training.config import TrainingConfig, dump_config
from partita.training.guard import DivergenceGuard
from partita.training.loaders import TrainingData, schedule
from partita.training.progress import ProgressLine
from partita.training.task import SeparationTask
from partita.zoo import Package, find_package, open_package
from partita.zoo.export import export_package

__all__ = ["is_first_process", "load_songs", "package_checkpoint", "start_model", "train", "train_on"]

_log = logging.getLogger("partita")

_CALIBRATION = 256  # excerpts a model may take the statistics of its input from


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

    Args:
        config: The run's configuration.
        data: Folders of songs to train on, and how much likelier a second of each is.
        valid: Folders of songs to validate on; the package is the state with their least loss.
        out: Folder of the run.
        cache: Where decoded songs are kept; ``out/cache`` by default.
        resume: Continue from the last checkpoint in ``out``.

    Returns:
        The package: the weights of the least validation loss, or the last without validation.

    Raises:
        ConfigError: There is a run in ``out`` and ``resume`` is not set, or nothing to resume, or a field does not go
            with the data, the devices, the checkpoint or the package to start with.
        ModelError: There is no such package to start with, or it is damaged.
        AudioError: No song can be read; a single one that cannot is told of in the log and left out.
        DivergenceError: The loss or a gradient is no number any more, or has exploded.
        OutputError: The disk is full; the last good checkpoint is kept.
    """
    last = out / "checkpoints" / "last.ckpt"
    if is_first_process():  # the others start when it has begun to write
        if resume and not last.exists():
            raise ConfigError(f"{out}: no checkpoint to resume from")
        if not resume and last.exists():
            raise ConfigError(f"{out}: holds a run already; resume it, or choose another folder")
    model = start_model(config, resume=resume)
    songs = load_songs(data, model, cache or out / "cache")
    valid_songs = load_songs(valid, model, cache or out / "cache")
    weights = [data[song.song.root] for song in songs if song.song.root is not None]
    return train_on(config, model, songs, weights=weights, valid=valid_songs, out=out, resume=resume)


def train_on(
    config: TrainingConfig,
    model: WaveformModel,
    songs: list[CachedSong],
    *,
    weights: list[float],
    valid: list[CachedSong],
    out: Path,
    resume: bool = False,
    callbacks: Iterable[Callback] = (),
) -> Package:
    """Train a model on decoded songs, as :func:`train` does.

    Args:
        config: The run's configuration.
        model: Of :func:`start_model`.
        songs: What to train on.
        weights: How much likelier a second of each is.
        valid: What to validate on.
        out: Folder of the run.
        resume: Continue from the last checkpoint in ``out``.
        callbacks: Lightning's, beside the run's own.
    """
    if not valid and (config.optim.schedule == "plateau" or config.optim.early_stop):
        field = "optim.schedule = 'plateau'" if config.optim.schedule == "plateau" else "optim.early_stop"
        raise ConfigError(f"{field} needs songs to validate on: give --valid")
    if config.data.stride is not None and len(set(weights)) > 1:
        raise ConfigError("data.stride takes every window once a pass: leave it out, or the weights of the folders")
    last, best = (out / "checkpoints" / name for name in ("last.ckpt", "best.ckpt"))
    plan = schedule(config, model, [song.samples for song in songs])
    done = read_checkpoint(last, config)["global_step"] if resume else 0
    keep_freed_memory()
    task = SeparationTask(model, config, steps=plan.steps, valid=valid)
    feed = TrainingData(config, model, songs, weights=weights, valid=len(valid), steps=plan.steps)
    keeper = RunCheckpoint(
        last.parent, minutes=config.run.checkpoint_minutes, steps=plan.steps, patience=config.optim.early_stop
    )
    own = [DivergenceGuard(), ProgressLine(plan.steps, config.data.batch_size * config.data.segment), *callbacks]
    trainer = _trainer(config, out, plan.steps, plan.validate_every, [*own, keeper], bool(valid))
    if trainer.is_global_zero:
        write_atomically(out / "config.toml", dump_config(config).encode())
        hours = sum(song.samples for song in songs) / model.sample_rate / 3600
        _log.info(
            "training on %d songs, %.1f h, for %d steps; %d songs for validation",
            len(songs),
            hours,
            plan.steps,
            len(valid),
        )
    if not resume and config.model.init is None:
        model.calibrate(feed.excerpts[index].sum(0)[None] for index in range(min(_CALIBRATION, len(feed.excerpts))))
    if done < plan.steps:
        try:
            _fit(trainer, task, feed, last if resume else None)
        except DivergenceError as error:
            back = f"the checkpoint of step {keeper.step} is kept; " if keeper.step else ""
            how = "go on with --resume" if keeper.step else "start again"
            raise DivergenceError(
                f"{out}: {error}: {back}lower optim.learning_rate (now {config.optim.learning_rate:g}) or set "
                f"optim.gradient_clip, then {how}"
            ) from error
        except KeyboardInterrupt:
            if keeper.step:
                _log.info("stopped; the checkpoint of step %d is kept, go on with --resume", keeper.step)
            raise
        except OSError as error:  # of a log; a checkpoint has its own
            raise OutputError(f"{out}: cannot be written to ({error.strerror}); go on with --resume") from error
    if trainer.is_global_zero:
        package_checkpoint(best if valid and best.exists() else last, config, out)
        report.write_curves(report.write_metrics(out), out)
        report.write_examples(open_package(out), (valid or songs)[0], out / "examples")
    trainer.strategy.barrier("the package is written")
    return open_package(out)


def start_model(config: TrainingConfig, *, resume: bool = False) -> WaveformModel:
    """Return the model as a run starts with it: fresh, or with the weights of the package ``model.init`` names.

    Args:
        config: Of the run.
        resume: Leave the weights to the checkpoint; the package may be gone by then.

    Raises:
        ConfigError: The package is of another model than the configuration.
        ModelError: There is no such package, or it is damaged.
    """
    L.seed_everything(config.run.seed, verbose=False)
    architecture, init = config.model.architecture, config.model.init
    model = build(architecture, **config.model.configuration)
    if init is None or resume:
        return model
    start = find_package(init).load_torch()
    if start.architecture != architecture:
        raise ConfigError(f"model.init: {init} is a {start.architecture}, and model.architecture is {architecture}")
    for field, value in model.configuration.items():
        if start.configuration[field] != value:
            raise ConfigError(
                f"model.init: {field} of {init} is {start.configuration[field]}, and of the run {value}; "
                f"set model.configuration.{field}"
            )
    return start.train()


def is_first_process() -> bool:
    """Return whether this is the process of a run that speaks and writes, by what started it."""
    return not getattr(rank_zero_only, "rank", 0)


def load_songs(roots: Iterable[Path], model: WaveformModel, cache: Path, most: int | None = None) -> list[CachedSong]:
    """Decode the songs of folders for a model; what cannot be read is told of in the log and left out.

    Args:
        roots: Folders of songs.
        model: Whose sources, channels and sample rate they get.
        cache: Where they are kept.
        most: No more songs than these.

    Raises:
        AudioError: No song can be read.
    """
    found = find_songs(roots, model.sources)[:most]
    if not found:
        return []
    songs, problems = cache_songs(found, model.sources, model.audio_channels, model.sample_rate, cache)
    for problem in problems:
        _log.warning("left out: %s", problem)
    return songs


def package_checkpoint(checkpoint: Path, config: TrainingConfig, out: Path, **facts: Any) -> Package:
    """Write the model of a checkpoint (its averaged weights, where the run averages) as a package.

    Args:
        checkpoint: A checkpoint of the run.
        config: The configuration of the run.
        out: Folder of the package.
        **facts: More fields of the card.
    """
    model = build(config.model.architecture, **config.model.configuration)
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=True)
    weights = {name.removeprefix("model."): value for name, value in saved["state_dict"].items()}
    model.load_state_dict(weights)
    training = {"steps": saved["global_step"], "configuration": config.model_dump(exclude_none=True)}
    return export_package(
        model,
        out,
        name=config.run.name,
        description=config.run.description,
        licence=config.run.licence,
        segment=config.run.window,
        **{"training": training, **facts},
    )


def _trainer(
    config: TrainingConfig, out: Path, steps: int, every: int, callbacks: list[Callback], validate: bool
) -> L.Trainer:
    """Return a trainer whose epochs are the rounds from one validation to the next."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    optim, where = config.optim, config.trainer
    averaging = [EMAWeightAveraging(decay=optim.ema_decay)] if optim.ema_decay is not None else []
    try:
        return L.Trainer(
            accelerator=where.accelerator,
            devices=where.devices,
            num_nodes=where.nodes,
            strategy=where.strategy,
            precision=_precision(where.precision, where.accelerator),
            sync_batchnorm=where.sync_batchnorm,
            max_steps=steps,
            max_epochs=-1,
            limit_train_batches=every * optim.accumulate,
            limit_val_batches=None if validate else 0,
            num_sanity_val_steps=0,
            accumulate_grad_batches=optim.accumulate,
            gradient_clip_val=optim.gradient_clip,
            callbacks=[*averaging, LearningRateMonitor("step"), *callbacks],
            logger=[CSVLogger(out, name="log", flush_logs_every_n_steps=10), TensorBoardLogger(out, "tensorboard", "")],
            log_every_n_steps=10,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            plugins=[AtomicCheckpointIO()],
        )
    except (ValueError, RuntimeError) as error:  # what Lightning raises for a device or strategy there is not
        raise ConfigError(f"[trainer]: {str(error).splitlines()[0]}") from error


def _precision(wanted: str, accelerator: str) -> Any:
    if wanted != "auto":
        return "32-true" if wanted == "32" else wanted
    if accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def _fit(trainer: L.Trainer, task: SeparationTask, feed: TrainingData, checkpoint: Path | None) -> None:
    interrupted = signal.getsignal(signal.SIGINT)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # advice on loops and loaders that are as they should be
        try:
            # our own checkpoint, which holds more than weights
            trainer.fit(task, datamodule=feed, ckpt_path=checkpoint, weights_only=False)
        except SystemExit as error:  # how Lightning passes on Ctrl-C, to which it is deaf from then on
            signal.signal(signal.SIGINT, interrupted)
            raise KeyboardInterrupt from error
