"""The Lightning module: what one step of training and of validation does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from partita.data import augment
from partita.data.cache import CachedSong
from partita.models.base import Distance, WaveformModel
from partita.training.config import TrainingConfig
from partita.training.optimizers import build_optimizer
from partita.training.validation import ScoreTable, score_song

__all__ = ["SeparationTask", "learning_rate_factor"]

_DISTANCES: dict[str, Distance] = {"l1": F.l1_loss, "mse": F.mse_loss}


class SeparationTask(L.LightningModule):
    """Trains a model to recover stems from their sum.

    A training batch is ``(batch, sources, channels, samples)``: stems with the model's context on both sides, and
    longer by the largest shift. The loss compares the estimates of the excerpt's middle with the stems there
    (section 4.4 of the paper). A validation item is the index of a song; see
    :func:`partita.training.validation.score_song`.

    Args:
        model: The model to train.
        config: Configuration of the run.
        steps: Optimiser steps of the run.
        valid: Songs to validate on.
        init_sha256: Of the weights file the run started from, None for fresh weights; kept in every checkpoint.

    Attributes:
        latest_loss: Loss of the latest training batch.
    """

    def __init__(
        self,
        model: WaveformModel,
        config: TrainingConfig,
        *,
        steps: int,
        valid: Sequence[CachedSong] = (),
        init_sha256: str | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.steps = steps
        self.latest_loss = torch.zeros(())
        self._valid = valid
        self._init_sha256 = init_sha256
        self._scores: ScoreTable | None = None
        self._distance = _DISTANCES[config.optim.loss]

    def training_step(self, stems: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        part = batch_idx % self.config.optim.accumulate
        first = (part * self.trainer.world_size + self.global_rank) * stems.shape[0]  # index in the whole batch
        torch.manual_seed(self._seed(first))  # for dropout
        stems = self._augment(stems, first)
        loss = self.model.loss(stems.sum(1), stems, self._distance)
        self.latest_loss = loss.detach()
        self.log("train_loss", self.latest_loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start with an empty table of scores."""
        self._scores = ScoreTable(len(self._valid), len(self.model.sources), self.device)

    def validation_step(self, index: int, batch_idx: int) -> None:
        """Separate and score a whole song."""
        assert self._scores is not None
        config = self.config
        score = score_song(self.model, self._valid[index], window=config.run.window, loss=config.optim.loss)
        self._scores.enter(index, score)

    def on_validation_epoch_end(self) -> None:
        """Log the means over all songs of all processes."""
        assert self._scores is not None
        loss, sdr = ScoreTable.means(self.trainer.strategy.reduce(self._scores.values, reduce_op="sum"))
        self.log("valid_loss", loss, prog_bar=True)
        for source, mean in zip(self.model.sources, sdr, strict=True):
            if not mean.isnan():
                self.log(f"valid_sdr/{source}", mean)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule."""
        optim = self.config.optim
        optimizer = build_optimizer(self, optim)
        if optim.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=optim.factor, patience=optim.patience
            )
            # Counted in steps, because Lightning writes the checkpoint at an epoch's end before it updates schedules
            # that are counted in epochs. Not strict, because it updates once more, without a loss, after a resume.
            every = self.trainer.limit_train_batches
            how = {"scheduler": plateau, "interval": "step", "frequency": every, "monitor": "valid_loss"}
            how["strict"] = False
            return {"optimizer": optimizer, "lr_scheduler": how}
        rates = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(
                step, self.steps, optim.warmup_steps, optim.schedule, optim.cooldown_steps
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip the gradient; on a CPU without Lightning, which refuses to clip for any fused optimiser."""
        if self.device.type == "cpu" and gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the configuration and the sha256 of the weights the run started from."""
        checkpoint["partita"] = self.config.model_dump()
        checkpoint["partita_init_sha256"] = self._init_sha256

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Apply a changed learning rate or weight decay; a changed optimiser starts without its averages."""
        self._init_sha256 = checkpoint.get("partita_init_sha256")
        optim, before = self.config.optim, checkpoint["partita"]["optim"]
        change = optim.learning_rate / before["learning_rate"]
        if optim.optimizer != before["optimizer"]:
            checkpoint["optimizer_states"] = []
        for group in (group for state in checkpoint["optimizer_states"] for group in state["param_groups"]):
            group["weight_decay"] = optim.weight_decay
            group.update({name: group[name] * change for name in ("lr", "initial_lr") if name in group})
        for state in checkpoint["lr_schedulers"]:
            state.pop("base_lrs", None)  # those of the optimiser just configured hold

    def _augment(self, stems: Tensor, first: int) -> Tensor:
        """Augment each remix group with a seed of its own, so that the result does not depend on the processes."""
        group = max(1, self.config.augment.remix_group)
        return torch.cat(
            [
                self._augment_group(part, torch.Generator().manual_seed(self._seed(first + index * group)))
                for index, part in enumerate(torch.split(stems, group))
            ]
        )

    def _augment_group(self, stems: Tensor, generator: torch.Generator) -> Tensor:
        options = self.config.augment
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

    def _seed(self, item: int) -> int:
        """Return a seed for an item of the current step's batch."""
        entropy = (self.config.run.seed, self.global_step, item)
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def learning_rate_factor(step: int, steps: int, warmup: int, schedule: str, cooldown: int = 0) -> float:
    """Return the factor of the learning rate at a step: a linear warm-up, then half a cosine down to 0.

    Args:
        step: The step, from 0.
        steps: Steps of the run.
        warmup: Steps of the warm-up.
        schedule: ``cosine``: the cosine takes all steps after the warm-up. ``constant``: the last ``cooldown``.
        cooldown: See ``schedule``.
    """
    if step < warmup:
        return (step + 1) / warmup
    start = steps - cooldown if schedule == "constant" else warmup
    done = min(1.0, max(0, step - start) / max(1, steps - start))
    return 0.5 * (1 + math.cos(math.pi * done))
