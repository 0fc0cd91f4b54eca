"""The Lightning module: what one step of training and of validation does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from partita.data import augment
from partita.data.cache import CachedSong
from partita.models.base import Distance, WaveformModel
from partita.separation.windows import overlap_add, plan_windows
from partita.training.config import TrainingConfig
from partita.training.losses import log_error, log_mse
from partita.training.optimizers import build_optimizer

__all__ = ["SILENT", "SeparationTask", "learning_rate_factor"]

Array = npt.NDArray[np.float32]

SILENT = 1e-4  # deviation of a mixture below which it counts as silence and is not made louder
_INAUDIBLE = 1e-6  # of the mixture's energy; a source below it has no SDR
_OVERLAP = 0.25  # of the windows of a validation, as a Separator's
_DISTANCES: dict[str, Distance] = {"l1": F.l1_loss, "mse": F.mse_loss, "log_mse": log_mse}


class SeparationTask(L.LightningModule):
    """Trains a model to give back the stems whose sum it is shown.

    A training batch is ``(batch, sources, channels, samples)``: stems longer than the excerpt by the room for
    shifts, context included. The loss compares what the model says of the excerpt's middle with the stems there
    (section 4.4 of the paper). A validation item is the index of a song, which is separated whole, in windows as a
    Separator's, so that memory does not grow with it.

    Args:
        model: What to train.
        config: Of the run.
        steps: Of the run.
        valid: Songs to validate on.

    Attributes:
        latest_loss: Of the latest training batch.
        steps: Of the run.
    """

    def __init__(
        self, model: WaveformModel, config: TrainingConfig, *, steps: int, valid: Sequence[CachedSong] = ()
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.steps = steps
        self.latest_loss = torch.zeros(())
        self._valid = valid
        self._scores = torch.zeros(0)
        self._distance = _DISTANCES[config.optim.loss]

    def training_step(self, stems: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        part = batch_idx % self.config.optim.accumulate
        first = (part * self.trainer.world_size + self.global_rank) * stems.shape[0]  # in the batch of all
        torch.manual_seed(self._seed(first))  # of dropout
        stems = self._augment(stems, first)
        loss = self.model.loss(stems.sum(1), stems, self._distance)
        self.latest_loss = loss.detach()
        self.log("train_loss", self.latest_loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin an empty table, a row a song: how often it was separated, loss, SDRs."""
        self._scores = torch.zeros(len(self._valid), 2 + len(self.model.sources), device=self.device)

    def validation_step(self, index: int, batch_idx: int) -> None:
        """Separate a whole song and enter its loss and the SDR of each of its sources (dB, NaN where silent)."""
        self._scores[index] = torch.from_numpy(self._score(self._valid[index])).to(self._scores)

    def on_validation_epoch_end(self) -> None:
        """Log the means over all songs, of all processes."""
        scores = self.trainer.strategy.reduce(self._scores, reduce_op="sum")
        means = (scores[:, 1:] / scores[:, :1]).nanmean(0)
        self.log("valid_loss", means[0], prog_bar=True)
        for source, mean in zip(self.model.sources, means[1:], strict=True):
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
            # By steps, because Lightning takes a checkpoint of an epoch's end before the epoch's schedules; and not
            # strict, because it asks again, without a loss, where a run goes on from there.
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
        """Clip; for a CPU without Lightning, which takes every fused optimiser for one that unscales gradients."""
        if self.device.type == "cpu" and gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the configuration."""
        checkpoint["partita"] = self.config.model_dump()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let an optimiser, which begins afresh, a learning rate or weight decay that was changed take effect."""
        optim, before = self.config.optim, checkpoint["partita"]["optim"]
        change = optim.learning_rate / before["learning_rate"]
        if optim.optimizer != before["optimizer"]:
            checkpoint["optimizer_states"] = []
        for group in (group for state in checkpoint["optimizer_states"] for group in state["param_groups"]):
            group["weight_decay"] = optim.weight_decay
            group.update({name: group[name] * change for name in ("lr", "initial_lr") if name in group})
        for state in checkpoint["lr_schedulers"]:
            state.pop("base_lrs", None)  # those of the optimiser just configured hold

    def _score(self, song: CachedSong) -> npt.NDArray[np.float64]:
        """Return 1, the loss and the SDR of each source over a song, ``(2 + sources,)``."""
        rate, level = self.model.sample_rate, np.float32(max(song.deviation, SILENT))
        segment = round(self.config.run.window * rate)
        plan = plan_windows(song.samples, segment=segment, overlap=_OVERLAP, geometry=self.model.geometry)

        def mixture() -> Iterator[Array]:
            for start in range(0, song.samples, segment):
                yield song.read(start, min(segment, song.samples - start)).sum(0) / level

        done, sums = 0, np.zeros((3, len(self.model.sources)))
        for estimates in overlap_add(mixture(), plan, self._run, batch_size=1):
            stems = song.read(done, estimates.shape[-1]) / level
            rest = stems - estimates
            sums += [part.sum((1, 2), dtype=np.float64) for part in (np.abs(rest), rest**2, stems**2)]
            done += estimates.shape[-1]
        absolute, error, energy = torch.from_numpy(sums / (song.samples * self.model.audio_channels))
        losses = {"l1": absolute, "mse": error, "log_mse": log_error(error, energy)}
        audible = energy > _INAUDIBLE * energy.sum()
        sdr = torch.where(audible, 10 * torch.log10(energy / error), torch.nan)
        return np.array([1.0, losses[self.config.optim.loss].mean(), *sdr])

    def _run(self, batch: Array) -> Array:
        estimates: Array = self.model.core(torch.from_numpy(batch).to(self.device)).float().cpu().numpy()
        return estimates

    def _augment(self, stems: Tensor, first: int) -> Tensor:
        """Augment each group of a batch by a seed of its own: the same in whatever way a batch is dealt out."""
        group = max(1, self.config.augment.remix_group)
        return torch.cat(
            [
                self._augment_group(part, torch.Generator().manual_seed(self._seed(first + index * group)))
                for index, part in enumerate(torch.split(stems, group))
            ]
        )

    def _augment_group(self, stems: Tensor, generator: torch.Generator) -> Tensor:
        options = self.config.augment
        # Drawn only where it is asked for, so that other runs keep their random numbers.
        intact = options.intact > 0 and bool(torch.rand((), generator=generator) < options.intact)
        room = round(options.shift * self.model.sample_rate)
        stems = augment.shift(stems, room, generator, together=intact)
        if options.flip_sign:
            stems = augment.flip_sign(stems, generator)
        if options.flip_channels:
            stems = augment.flip_channels(stems, generator)
        if options.scale is not None:
            stems = augment.scale(stems, *options.scale, generator)
        if options.remix_group > 1 and not intact:
            stems = augment.remix(stems, options.remix_group, generator)
        return stems

    def _seed(self, item: int) -> int:
        """Return a seed for an item of the present step's batch."""
        entropy = (self.config.run.seed, self.global_step, item)
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def learning_rate_factor(step: int, steps: int, warmup: int, schedule: str, cooldown: int = 0) -> float:
    """Return what the learning rate is multiplied by at a step: a linear warm-up, then half a cosine to nothing.

    The cosine takes all the other steps, or where the schedule is ``constant`` the last ``cooldown`` ones.
    """
    if step < warmup:
        return (step + 1) / warmup
    start = steps - cooldown if schedule == "constant" else warmup
    done = min(1.0, max(0, step - start) / max(1, steps - start))
    return 0.5 * (1 + math.cos(math.pi * done))
