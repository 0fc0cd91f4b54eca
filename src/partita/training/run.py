"""One training run: data, checkpoints, resume, and the model package at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from partita.allocator import keep_freed_memory
from partita.data import find_songs
from partita.data.cache import CachedSong, cache_song
from partita.data.excerpts import ExcerptDataset
from partita.errors import ConfigError
from partita.models import build
from partita.models.base import WaveformModel
from partita.training.config import TrainingConfig
from partita.training.task import SeparationTask
from partita.zoo import Package
from partita.zoo.export import export_package

__all__ = ["package_checkpoint", "train"]

_log = logging.getLogger("partita")


def train(
    config: TrainingConfig,
    *,
    data: list[Path],
    valid: list[Path],
    out: Path,
    cache: Path | None = None,
    resume: bool = False,
) -> Package:
    """Train a model and leave it as a package in ``out``.

    Args:
        config: The run's configuration; ``config.optim.steps`` says when it ends.
        data: Folders of songs to train on.
        valid: Folders of songs to validate on; the best checkpoint is the one with their least loss.
        out: Folder of the run: checkpoints, log, and at the end the model package.
        cache: Where decoded songs are kept; ``out/cache`` by default.
        resume: Continue from the last checkpoint in ``out``.

    Returns:
        The package: the weights of the least validation loss, or the last without validation.

    Raises:
        ConfigError: There is a run in ``out`` and ``resume`` is not set, or nothing to resume.
        AudioError: A song cannot be read.
    """
    checkpoints = out / "checkpoints"
    last = checkpoints / "last.ckpt"
    if resume and not last.exists():
        raise ConfigError(f"{out}: no checkpoint to resume from")
    if not resume and checkpoints.exists():
        raise ConfigError(f"{out}: holds a run already; resume it, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(config.model_dump_json(indent=1))

    keep_freed_memory()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    L.seed_everything(config.run.seed, verbose=False)
    model = build(config.model.architecture, **config.model.configuration)
    task = SeparationTask(model, config)
    songs = _cache_all(data, model, cache or out / "cache")
    valid_songs = _cache_all(valid, model, cache or out / "cache") if valid else []
    seconds = sum(song.samples for song in songs) / model.sample_rate
    _log.info("training on %d songs, %.1f h; %d songs for validation", len(songs), seconds / 3600, len(valid_songs))

    trainer = L.Trainer(
        max_steps=config.optim.steps,
        max_epochs=-1,
        limit_train_batches=config.run.validate_every,
        num_sanity_val_steps=0,
        gradient_clip_val=config.optim.gradient_clip,
        callbacks=_callbacks(config, checkpoints, bool(valid_songs)),
        logger=CSVLogger(out, name="log"),
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    trainer.fit(
        task,
        _StepLoader(_excerpts(config, songs, model), batch_sampler=_StepSampler(config.data.batch_size, task)),
        DataLoader(_WholeSongs(valid_songs), batch_size=1) if valid_songs else None,
        ckpt_path=str(last) if resume else None,
        weights_only=False,  # our own checkpoint, which holds the optimiser and the state of the loops
    )
    best = checkpoints / "best.ckpt"
    return package_checkpoint(best if valid_songs and best.exists() else last, config, out)


def package_checkpoint(checkpoint: Path, config: TrainingConfig, out: Path, **facts: Any) -> Package:
    """Write the model of a checkpoint (its averaged weights, where the run averages) as a package.

    Args:
        checkpoint: A checkpoint of the run.
        config: The configuration of the run.
        out: Folder of the package.
        **facts: More fields of the card.
    """
    model = build(config.model.architecture, **config.model.configuration)
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False)
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


def _cache_all(roots: list[Path], model: WaveformModel, folder: Path) -> list[CachedSong]:
    songs = find_songs(roots, model.sources)
    return [cache_song(song, model.sources, model.audio_channels, model.sample_rate, folder) for song in songs]


def _excerpts(config: TrainingConfig, songs: list[CachedSong], model: WaveformModel) -> ExcerptDataset:
    samples = model.geometry.input_length(round(config.data.segment * model.sample_rate))
    samples += round(config.augment.shift * model.sample_rate)
    return ExcerptDataset(
        songs,
        samples=samples,
        length=config.optim.steps * config.data.batch_size,
        seed=config.run.seed,
        weights=[_emphasis(song.name, config.data.emphasis) for song in songs],
    )


def _emphasis(name: str, emphasis: dict[str, float]) -> float:
    return next((weight for prefix, weight in emphasis.items() if name.startswith(prefix)), 1.0)


class _StepSampler(Sampler[list[int]]):
    """Batches of consecutive excerpts, from the trainer's present step on: a resumed run sees what it would have."""

    def __init__(self, batch_size: int, task: SeparationTask) -> None:
        self._batch_size = batch_size
        self._task = task

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self._task.global_step, self._task.config.optim.steps):
            yield list(range(step * self._batch_size, (step + 1) * self._batch_size))

    def __len__(self) -> int:
        return self._task.config.optim.steps


class _StepLoader(DataLoader[Tensor]):
    """Tells Lightning that batches go on where a run broke off; the sampler sees to it."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class _WholeSongs(Dataset[Tensor]):
    """Whole songs, normalised by their mixture; item: float32 ``(sources, channels, samples)``."""

    def __init__(self, songs: list[CachedSong]) -> None:
        self._songs = songs

    def __len__(self) -> int:
        return len(self._songs)

    def __getitem__(self, index: int) -> Tensor:
        song = self._songs[index]
        stems = [song.excerpt(source, 0, song.samples) for source in range(song.stems.shape[0])]
        return torch.from_numpy(np.stack(stems) / np.float32(max(song.deviation, 1e-4)))


def _callbacks(config: TrainingConfig, folder: Path, has_valid: bool) -> list[Callback]:
    callbacks: list[Callback] = [
        ModelCheckpoint(
            folder,
            filename="recent",
            train_time_interval=timedelta(minutes=config.run.checkpoint_minutes),
            save_last=True,
            enable_version_counter=False,
        ),
        LearningRateMonitor("step"),
    ]
    if has_valid:
        callbacks.append(ModelCheckpoint(folder, filename="best", monitor="valid_loss", enable_version_counter=False))
    if config.optim.ema_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=config.optim.ema_decay))
    return callbacks
