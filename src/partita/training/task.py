"""The Lightning module: what one step of training and of validation does."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F

from partita.data import augment
from partita.models.base import WaveformModel
from partita.training.config import TrainingConfig

__all__ = ["SeparationTask", "learning_rate_factor"]


class SeparationTask(L.LightningModule):
    """Trains a model to give back the stems whose sum it is shown.

    A training batch is ``(batch, sources, channels, samples)``: stems longer than the excerpt by the room for
    shifts, context included. The loss compares what the model says of the excerpt's middle with the stems there
    (section 4.4 of the paper). A validation item is a whole song ``(1, sources, channels, samples)``.
    """

    def __init__(self, model: WaveformModel, config: TrainingConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self._loss = F.l1_loss if config.optim.loss == "l1" else F.mse_loss

    def training_step(self, stems: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        stems = self._augment(stems)
        mixture = stems.sum(1)
        estimates = self.model.core(mixture)
        left = self.model.geometry.left_context
        loss = self._loss(estimates, stems[..., left : left + estimates.shape[-1]])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, stems: Tensor, batch_idx: int) -> None:
        """Log the loss and the SDR of every audible source over a whole song (dB)."""
        mixture = stems.sum(1)
        estimates = self.model(mixture)
        self.log("valid_loss", self._loss(estimates, stems), batch_size=1, prog_bar=True)
        for index, source in enumerate(self.model.sources):
            energy = stems[:, index].square().sum()
            if energy > 1e-6 * mixture.square().sum():  # a silent source has no SDR
                error = (estimates[:, index] - stems[:, index]).square().sum()
                self.log(f"valid_sdr/{source}", 10 * torch.log10(energy / error), batch_size=1)

    def configure_optimizers(self) -> Any:
        """Return Adam and its schedule."""
        optim = self.config.optim
        optimizer = torch.optim.AdamW(self.parameters(), lr=optim.learning_rate, weight_decay=optim.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(step, optim.steps, optim.warmup_steps, optim.schedule),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _augment(self, stems: Tensor) -> Tensor:
        options = self.config.augment
        generator = torch.Generator().manual_seed(self.config.run.seed * 1_000_003 + self.global_step)
        stems = augment.shift(stems, round(options.shift * self.model.sample_rate), generator)
        if options.flip_sign:
            stems = augment.flip_sign(stems, generator)
        if options.flip_channels:
            stems = augment.flip_channels(stems, generator)
        if options.scale is not None:
            stems = augment.scale(stems, *options.scale, generator)
        if options.remix_group > 1:
            stems = augment.remix(stems, options.remix_group, generator)
        return stems


def learning_rate_factor(step: int, steps: int, warmup: int, schedule: str) -> float:
    """Return what the learning rate is multiplied by at a step: a linear warm-up, then constant or half a cosine."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.5 * (1 + math.cos(math.pi * done))
