"""Stops a run before it spoils its own checkpoints."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.optim import Optimizer

from partita.errors import DivergenceError

__all__ = ["DivergenceGuard"]

_MEMORY = 0.99  # of the running mean of the loss, a step
_STEPS = 100  # until the mean says something
_LARGEST = 10.0  # times its least value, beyond which it has exploded


class DivergenceGuard(Callback):
    """Raises :class:`DivergenceError` rather than let a run go on that has lost its way.

    That is when a loss or a gradient is no finite number, before the optimiser uses it, or when the running mean of
    the loss is ten times what it has been. All processes of a run see the same numbers and stop at the same step.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._mean = 0.0
        self._least = math.inf

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: Optimizer) -> None:
        """Look at the gradient, which all processes share."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        pl_module.log("gradient_norm", norm)
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None  # which skips a step that overflows
        if not scaled and not torch.isfinite(norm):
            raise DivergenceError(f"the gradient of step {trainer.global_step + 1} is not finite")

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at the loss."""
        loss = float(trainer.strategy.reduce(pl_module.latest_loss, reduce_op="mean"))
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss of step {trainer.global_step} is not finite")
        self._seen += 1
        self._mean = _MEMORY * self._mean + (1 - _MEMORY) * loss
        if self._seen < _STEPS:
            return
        mean = self._mean / (1 - _MEMORY**self._seen)  # as if it had not begun at zero
        self._least = min(self._least, mean)
        if mean > _LARGEST * self._least:
            raise DivergenceError(
                f"the loss is {mean:.3g} on average at step {trainer.global_step}, after {self._least:.3g}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run has to know."""
        return {"seen": self._seen, "mean": self._mean, "least": self._least}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again."""
        self._seen, self._mean, self._least = state_dict["seen"], state_dict["mean"], state_dict["least"]
