"""What a run feeds on: batches that depend on the step alone, so that any run can go on where it broke off."""

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

__all__ = ["Schedule", "TrainingData", "WindowDataset", "schedule"]

_VALIDATE_EVERY = 500  # steps, where there are no epochs


@dataclass(frozen=True)
class Schedule:
    """How long a run is.

    Attributes:
        steps: Of the optimiser.
        validate_every: Steps from one validation to the next.
        epoch: Steps of an epoch, None where excerpts begin anywhere.
    """

    steps: int
    validate_every: int
    epoch: int | None


def schedule(config: TrainingConfig, model: WaveformModel, lengths: list[int]) -> Schedule:
    """Count the steps of a run.

    Args:
        config: Of the run.
        model: The model, whose sample rate and geometry give the windows.
        lengths: Samples of each song.

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

    A batch of the configuration is what all processes see in a step. Its excerpts are dealt out in their order: the
    first part of an accumulated batch to the processes in turn, then the second. So the excerpts of a step are the
    same on any number of devices.

    Args:
        config: Of the run.
        model: What it trains.
        songs: Decoded songs, to train on.
        weights: How much likelier a second of each is.
        valid: Number of songs to validate on.
        steps: Of the run.
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
        options: dict[str, Any] = {
            "samples": _excerpt(config, model),
            "length": steps * config.data.batch_size,
            "seed": config.run.seed,
            "repitch": Repitch(config.augment.repitch) if config.augment.repitch else None,
        }
        self.excerpts: ExcerptDataset
        if config.data.stride is None:
            self.excerpts = ExcerptDataset(songs, weights=weights, **options)
        else:
            stride = round(config.data.stride * model.sample_rate)
            self.excerpts = WindowDataset(songs, stride=stride, batch_size=config.data.batch_size, **options)

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Return the batches of this process, from the trainer's step on."""
        workers, trainer = self._config.data.workers, self._trainer()
        return _StepLoader(
            self.excerpts,
            batch_sampler=_StepSampler(self._config, trainer, self._steps),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )

    def val_dataloader(self) -> range:
        """Return the indices of the songs that this process validates on; one at least, for all have to take part."""
        trainer = self._trainer()
        return range(trainer.global_rank % self._valid, self._valid, trainer.world_size)

    def _trainer(self) -> L.Trainer:
        assert self.trainer is not None  # Lightning sets it before it asks for data
        return self.trainer


class WindowDataset(ExcerptDataset):
    """The paper's excerpts: windows at a fixed stride, in a new order in every pass.

    Excerpts that would not fill the last batch of a pass are left out. A song that is shorter than a window is one.

    Args:
        songs: Where the windows lie.
        stride: Samples from one to the next.
        batch_size: Excerpts of a batch.
        **options: As of :class:`ExcerptDataset`.
    """

    def __init__(self, songs: list[CachedSong], *, stride: int, batch_size: int, **options: Any) -> None:
        super().__init__(songs, **options)
        self._stride = stride
        counts = [_windows(song.samples, self.samples, stride) for song in songs]
        self._ends = np.cumsum(counts)
        self._usable = int(self._ends[-1]) // batch_size * batch_size

    def place(self, index: int, samples: int, rng: np.random.Generator) -> tuple[CachedSong, int]:
        """Return the song of an excerpt and its first sample there."""
        turn, position = divmod(index, self._usable)
        window = int(_order(self.seed, turn, int(self._ends[-1]))[position])
        which = int(np.searchsorted(self._ends, window, side="right"))
        first = window - (int(self._ends[which - 1]) if which else 0)
        return self.songs[which], first * self._stride


@lru_cache(maxsize=2)  # a batch of workers may reach into the next pass
def _order(seed: int, turn: int, windows: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(windows)


def _windows(length: int, samples: int, stride: int) -> int:
    return 1 + max(0, length - samples) // stride


def _excerpt(config: TrainingConfig, model: WaveformModel) -> int:
    """Return the samples of an excerpt: what the model wants around a segment, and the room for shifts."""
    samples = model.geometry.input_length(round(config.data.segment * model.sample_rate))
    return samples + round(config.augment.shift * model.sample_rate)


class _StepSampler(Sampler[list[int]]):
    """Batches of consecutive excerpts, from the trainer's present step on."""

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
                f"data.batch_size: {self._batch} excerpts cannot be dealt to {processes} processes in "
                f"{self._parts} parts of whole groups of {group} (augment.remix_group)"
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
    """Tells Lightning that batches go on where a run broke off; the sampler sees to it."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
