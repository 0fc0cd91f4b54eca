"""Stops a diverging run before it overwrites its good checkpoint."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.optim import Optimizer

from partita.errors import DivergenceError

__all__ = ["DivergenceGuard"]

_MEMORY = 0.99  # decay per step of the running mean of the loss
_STEPS = 100  # before the mean is meaningful
_LARGEST = 10.0  # times its lowest value: the mean has exploded


class DivergenceGuard(Callback):
    """Raises :class:`DivergenceError` when a run diverges.

    That is when a loss or a gradient is not finite, before the optimiser uses it, or when the running mean of the
    loss exceeds ten times its lowest value. All processes of a run see the same numbers and stop at the same step.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._mean = 0.0
        self._least = math.inf

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: Any, optimizer: Optimizer) -> None:
        """Check the gradient, which all processes share."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        pl_module.log("gradient_norm", norm)
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None  # it skips steps that overflow
        if not scaled and not torch.isfinite(norm):
            raise DivergenceError(f"the gradient of step {trainer.global_step + 1} is not finite")

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Check the loss."""
        loss = float(trainer.strategy.reduce(pl_module.latest_loss, reduce_op="mean"))
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss of step {trainer.global_step} is not finite")
        self._seen += 1
        self._mean = _MEMORY * self._mean + (1 - _MEMORY) * loss
        if self._seen < _STEPS:
            return
        mean = self._mean / (1 - _MEMORY**self._seen)  # without the bias of starting at 0
        self._least = min(self._least, mean)
        if mean > _LARGEST * self._least:
            raise DivergenceError(
                f"the mean loss rose from {self._least:.3g} to {mean:.3g} at step {trainer.global_step}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""
        return {"seen": self._seen, "mean": self._mean, "least": self._least}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self._seen, self._mean, self._least = state_dict["seen"], state_dict["mean"], state_dict["least"]
