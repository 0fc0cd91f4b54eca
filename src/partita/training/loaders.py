"""Batches that depend on the seed and the step alone, so that an interrupted run resumes exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from partita.data.cache import CachedSong
from partita.data.excerpts import ExcerptDataset
from partita.data.repitch import Repitch
from partita.errors import ConfigError
from partita.models.base import WaveformModel
from partita.training.config import TrainingConfig
from partita.training.validation import songs_of_process

__all__ = ["Schedule", "TrainingData", "WindowDataset", "schedule"]

_VALIDATE_EVERY = 500  # steps, if there are no epochs


@dataclass(frozen=True)
class Schedule:
    """The length of a run.

    Attributes:
        steps: Optimiser steps.
        validate_every: Steps from one validation to the next.
        epoch: Steps of an epoch, None without ``data.stride``.
    """

    steps: int
    validate_every: int
    epoch: int | None


def schedule(config: TrainingConfig, model: WaveformModel, lengths: list[int]) -> Schedule:
    """Count the steps of a run.

    Args:
        config: Configuration of the run.
        model: The model; its sample rate and geometry determine the windows.
        lengths: Length of each song in samples.

    Raises:
        ConfigError: The songs have fewer windows than a batch.
    """
    optim, data = config.optim, config.data
    epoch = None
    if data.stride is not None:
        windows = sum(
            _windows(length, _excerpt(config, model), round(data.stride * model.sample_rate)) for length in lengths
        )
        if windows < data.batch_size:
            raise ConfigError(
                f"data.batch_size: the songs have {windows} windows, fewer than a batch of {data.batch_size}"
            )
        epoch = data.repeat * (windows // data.batch_size)
    steps = min(optim.steps or math.inf, (optim.epochs or math.inf) * (epoch or math.inf))
    validate_every = config.run.validate_every or epoch or _VALIDATE_EVERY
    return Schedule(int(steps), min(validate_every, int(steps)), epoch)


class TrainingData(L.LightningDataModule):
    """Excerpts to train on, whole songs to validate on.

    ``data.batch_size`` excerpts are what all processes together see in a step. They are distributed in order: the
    first part of an accumulated batch to the processes in turn, then the second part, and so on. So the excerpts of a
    step are the same on any number of devices.

    Args:
        config: Configuration of the run.
        model: The model to train.
        songs: Decoded songs to train on.
        weights: Weight of each of these songs.
        valid: Number of songs to validate on.
        steps: Steps of the run.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: WaveformModel,
        songs: list[CachedSong],
        *,
        weights: list[float],
        valid: int,
        steps: int,
    ) -> None:
        super().__init__()
        self._config = config
        self._valid = valid
        self._steps = steps
        samples, length, seed = _excerpt(config, model), steps * config.data.batch_size, config.run.seed
        repitch = Repitch(config.augment.repitch) if config.augment.repitch else None
        self.excerpts: ExcerptDataset
        if config.data.stride is None:
            self.excerpts = ExcerptDataset(
                songs, samples=samples, length=length, seed=seed, weights=weights, repitch=repitch
            )
        else:
            self.excerpts = WindowDataset(
                songs,
                samples=samples,
                stride=round(config.data.stride * model.sample_rate),
                batch_size=config.data.batch_size,
                length=length,
                seed=seed,
                repitch=repitch,
            )

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Return the batches of this process, from the trainer's current step on."""
        workers, trainer = self._config.data.workers, self._trainer()
        return _StepLoader(
            self.excerpts,
            batch_sampler=_StepSampler(self._config, trainer, self._steps),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )

    def val_dataloader(self) -> range:
        """Return the indices of the songs that this process validates on."""
        trainer = self._trainer()
        return songs_of_process(self._valid, trainer.global_rank, trainer.world_size)

    def _trainer(self) -> L.Trainer:
        assert self.trainer is not None  # Lightning sets it before it asks for data
        return self.trainer


class WindowDataset(ExcerptDataset):
    """The paper's excerpts: windows at a fixed stride, in a new order in every pass.

    Windows that do not fill the last batch of a pass are left out. A song shorter than a window counts as one.

    Args:
        songs: The songs.
        samples: Length of a window in samples.
        stride: Samples from one window to the next.
        batch_size: Excerpts per batch.
        length: Number of excerpts, over all passes.
        seed: Seed of the order.
        repitch: Changes the pitch and tempo of some excerpts.
    """

    def __init__(
        self,
        songs: list[CachedSong],
        *,
        samples: int,
        stride: int,
        batch_size: int,
        length: int,
        seed: int,
        repitch: Repitch | None = None,
    ) -> None:
        super().__init__(songs, samples=samples, length=length, seed=seed, repitch=repitch)
        self._stride = stride
        counts = [_windows(song.samples, self.samples, stride) for song in songs]
        self._ends = np.cumsum(counts)
        self._usable = int(self._ends[-1]) // batch_size * batch_size

    def place(self, index: int, samples: int, rng: np.random.Generator) -> tuple[CachedSong, int]:
        """Return the song of an excerpt and the position of its first sample."""
        turn, position = divmod(index, self._usable)
        window = int(_order(self.seed, turn, int(self._ends[-1]))[position])
        which = int(np.searchsorted(self._ends, window, side="right"))
        first = window - (int(self._ends[which - 1]) if which else 0)
        return self.songs[which], first * self._stride


@lru_cache(maxsize=2)  # a batch may reach into the next pass
def _order(seed: int, turn: int, windows: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(windows)


def _windows(length: int, samples: int, stride: int) -> int:
    return 1 + max(0, length - samples) // stride


def _excerpt(config: TrainingConfig, model: WaveformModel) -> int:
    """Return the length of an excerpt in samples: a segment, the model's context and the largest shift."""
    samples = model.geometry.input_length(round(config.data.segment * model.sample_rate))
    return samples + round(config.augment.shift * model.sample_rate)


class _StepSampler(Sampler[list[int]]):
    """Batches of consecutive excerpts, from the trainer's current step on."""

    def __init__(self, config: TrainingConfig, trainer: L.Trainer, steps: int) -> None:
        self._batch = config.data.batch_size
        self._parts = config.optim.accumulate
        self._trainer = trainer
        self._steps = steps
        processes = trainer.world_size
        self._share = self._batch // (self._parts * processes)
        group = max(1, config.augment.remix_group)
        if self._batch % (self._parts * processes) or self._share % group:
            raise ConfigError(
                f"data.batch_size: {self._batch} excerpts cannot be divided among {processes} processes and "
                f"{self._parts} parts (optim.accumulate) in whole groups of {group} (augment.remix_group)"
            )

    def __iter__(self) -> Iterator[list[int]]:
        processes, rank = self._trainer.world_size, self._trainer.global_rank
        for step in range(self._trainer.global_step, self._steps):
            for part in range(self._parts):
                first = step * self._batch + (part * processes + rank) * self._share
                yield list(range(first, first + self._share))

    def __len__(self) -> int:
        return self._steps * self._parts


class _StepLoader(DataLoader[Tensor]):
    """Tells Lightning that the loader can resume; the sampler takes care of it."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
