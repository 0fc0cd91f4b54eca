"""Checkpoints that are whole or not there, and what may be resumed from them."""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from partita.errors import ConfigError, DivergenceError, OutputError
from partita.system.atomic import open_atomically
from partita.training.config import TrainingConfig

__all__ = ["AtomicCheckpointIO", "RunCheckpoint", "read_checkpoint"]

_log = logging.getLogger("partita")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and moves it there when it is whole and on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: It cannot be written; an older one of the name is as it was.
        """
        path = Path(path)
        try:
            with open_atomically(path) as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except RuntimeError as error:  # all that torch's own writer knows of
            raise OutputError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from error


class RunCheckpoint(Checkpoint):
    """Keeps ``last.ckpt``, to go on from, and ``best.ckpt``, of the least validation loss; ends the run.

    The last is written every so many minutes and at the end, always between two steps; at the end of a round,
    after its validation. So a run that goes on from it takes the same steps and validates at the same ones.

    Args:
        folder: Where they are kept.
        minutes: Between two of them.
        steps: Where the run ends.
        patience: Validations without a gain after which it ends earlier.

    Attributes:
        step: The step of ``last.ckpt``, None before there is one.
    """

    def __init__(self, folder: Path, *, minutes: float, steps: int, patience: int | None) -> None:
        self.step: int | None = None
        self._folder = folder
        self._seconds = 60 * minutes
        self._steps = steps
        self._patience = patience
        self._best = float("inf")
        self._since_best = 0
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember the step the run goes on from; remove what a killed run had not finished writing."""
        if trainer.is_global_zero:
            for partial in self._folder.glob(".partita-*"):
                partial.unlink()
        self.step = trainer.global_step or None
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time; see to it that the last step is followed by a validation."""
        if trainer.global_step >= self._steps:
            trainer.should_stop = True
        complete = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        of_round = batch_idx + 1 < trainer.num_training_batches and not trainer.should_stop
        if complete and of_round and self._is_time(trainer):
            self._save_last(trainer, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the weights if they are the best so far."""
        loss = float(trainer.callback_metrics["valid_loss"])
        if not math.isfinite(loss):
            raise DivergenceError(f"the validation loss of step {trainer.global_step} is not finite")
        self._since_best += 1
        if loss < self._best:
            self._best, self._since_best = loss, 0
            self._save(trainer, pl_module, "best.ckpt")
        if self._patience is not None and self._since_best >= self._patience:
            _log.info("no gain for %d validations: the run ends", self._since_best)
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save at the end of a round, if it is time, and of the run."""
        if self._is_time(trainer) or trainer.should_stop:
            self._save_last(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run has to know."""
        return {"best": self._best, "since_best": self._since_best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again."""
        self._best, self._since_best = state_dict["best"], state_dict["since_best"]

    def _is_time(self, trainer: L.Trainer) -> bool:
        late = time.monotonic() - self._saved_at >= self._seconds
        return bool(trainer.strategy.reduce_boolean_decision(late, all=False))

    def _save_last(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self._save(trainer, module, "last.ckpt")
        self.step = trainer.global_step
        self._saved_at = time.monotonic()

    def _save(self, trainer: L.Trainer, module: Any, name: str) -> None:
        if not module.model.check_finite():
            raise DivergenceError("its weights are not finite numbers")
        try:
            trainer.save_checkpoint(self._folder / name)
        except OutputError as error:
            kept = f"; the checkpoint of step {self.step} is kept, make room and go on with --resume"
            raise OutputError(f"{error}{kept if self.step else ''}") from error


def read_checkpoint(path: Path, config: TrainingConfig) -> dict[str, Any]:
    """Read a checkpoint that a run of ``config`` is to go on from.

    The model must be the same; other fields may have been changed on purpose, and are told of in the log.

    Raises:
        ConfigError: It is no checkpoint, or one of another model; the message names the field that differs.
    """
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False, mmap=True)
        before = TrainingConfig.model_validate(saved["partita"])
    except Exception as error:  # whatever unpickling a foreign file raises
        raise ConfigError(f"{path}: this is no checkpoint of partita; start again in another folder") from error
    differing = dict(_differences(before.model_dump(), config.model_dump()))
    for field, (old, new) in differing.items():
        if field.startswith("model.") or (field == "optim.ema_decay" and None in (old, new)):
            raise ConfigError(
                f"{path}: {field} is {old} in the checkpoint and {new} in the configuration; "
                "set it back, or start again in another folder"
            )
        _log.info("%s was %s and is now %s", field, old, new)
    return saved


def _differences(before: Any, now: Any, path: str = "") -> Any:
    """Yield the dotted path and both values of every field that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from _differences(before.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif before != now:
        yield path, (before, now)
