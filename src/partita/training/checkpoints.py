"""Checkpoints: written whole or not at all, and checked before a run resumes from them."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from partita.errors import ConfigError, DivergenceError, OutputError
from partita.system.atomic import open_atomically
from partita.training.config import TrainingConfig
from partita.training.interruption import Interrupted, StopSignals

__all__ = ["AtomicCheckpointIO", "RunCheckpoint", "read_checkpoint"]

_log = logging.getLogger("partita")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name and renames it once it is complete and on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: It cannot be written; an older checkpoint of that name is unchanged.
        """
        path = Path(path)
        try:
            with open_atomically(path) as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except RuntimeError as error:  # what torch's own writer raises
            raise OutputError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from error


class RunCheckpoint(Checkpoint):
    """Keeps ``last.ckpt``, to resume from, and ``best.ckpt``, of the lowest validation loss; ends the run.

    ``last.ckpt`` is written every few minutes, at the end, and when a stop is requested. It is always written between
    two steps, and at the end of a round after its validation; so a resumed run takes the same steps and validates at
    the same ones.

    Args:
        folder: Folder of the checkpoints.
        minutes: Minutes between two of them.
        steps: Steps of the run.
        patience: Number of validations without improvement after which the run ends early; None for no limit.
        stop: Tells whether a stop was requested.

    Attributes:
        step: The step of ``last.ckpt``, None while there is none.
    """

    def __init__(
        self, folder: Path, *, minutes: float, steps: int, patience: int | None, stop: StopSignals | None = None
    ) -> None:
        self.step: int | None = None
        self._folder = folder
        self._seconds = 60 * minutes
        self._steps = steps
        self._patience = patience
        self._stop = stop or StopSignals()
        self._best = float("inf")
        self._since_best = 0
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the step the run resumes from."""
        self.step = trainer.global_step or None
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time or a stop was requested; let a validation follow the last step.

        Raises:
            Interrupted: A stop was requested.
        """
        if trainer.global_step >= self._steps:
            trainer.should_stop = True
        complete = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        within_round = batch_idx + 1 < trainer.num_training_batches and not trainer.should_stop
        if complete and within_round and self._is_time(trainer):
            self._save_last(trainer, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the weights if they are the best so far."""
        loss = float(trainer.callback_metrics["valid_loss"])
        if not math.isfinite(loss):
            raise DivergenceError(f"the validation loss at step {trainer.global_step} is not finite")
        self._since_best += 1
        if loss < self._best:
            self._best, self._since_best = loss, 0
            self._save(trainer, pl_module, "best.ckpt")
        if self._patience is not None and self._since_best >= self._patience:
            _log.info("no improvement in %d validations: the run ends early", self._since_best)
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save at the end of a round, if it is time or a stop was requested, and at the end of the run.

        Raises:
            Interrupted: A stop was requested.
        """
        if self._is_time(trainer) or trainer.should_stop:
            self._save_last(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""
        return {"best": self._best, "since_best": self._since_best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self._best, self._since_best = state_dict["best"], state_dict["since_best"]

    def _is_time(self, trainer: L.Trainer) -> bool:
        due = self._stop.received or time.monotonic() - self._saved_at >= self._seconds
        return _any_process(trainer, due)

    def _save_last(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self._save(trainer, module, "last.ckpt")
        self.step = trainer.global_step
        self._saved_at = time.monotonic()
        if _any_process(trainer, self._stop.received):
            raise Interrupted

    def _save(self, trainer: L.Trainer, module: Any, name: str) -> None:
        if not module.model.check_finite():
            raise DivergenceError("the weights are not all finite")
        try:
            trainer.save_checkpoint(self._folder / name)
        except OutputError as error:
            kept = f"; the checkpoint of step {self.step} is kept: free some space, then use --resume"
            raise OutputError(f"{error}{kept if self.step else ''}") from error


def _any_process(trainer: L.Trainer, mine: bool) -> bool:
    """Return whether it is so in any process of the run; all get the same answer."""
    return bool(trainer.strategy.reduce_boolean_decision(mine, all=False))


def read_checkpoint(path: Path, config: TrainingConfig) -> dict[str, Any]:
    """Read a checkpoint from which a run with ``config`` is to resume.

    The model must be the same. Other fields may have changed; the changes are logged.

    Raises:
        ConfigError: The file is not a checkpoint, or one of another model; the message names the field that differs.
    """
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
        fields = saved["partita"]
    except Exception as error:  # whatever unpickling a foreign file raises
        raise ConfigError(f"{path}: not a checkpoint of partita; start again in another folder") from error
    for field, (old, new) in _differences(fields, config.model_dump()):
        if field.startswith("model.") or (field == "optim.ema_decay" and None in (old, new)):
            raise ConfigError(
                f"{path}: {field} is {old} in the checkpoint and {new} in the configuration; "
                "set it back, or start again in another folder"
            )
        _log.info("%s was %s and is now %s", field, old, new)
    return saved


def _differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the dotted path and both values of every field that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from _differences(before.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif before != now:
        yield path, (before, now)
