"""Lightning's trainer, set up for a run, and its errors translated."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from partita.errors import ConfigError, DivergenceError, OutputError
from partita.training.checkpoints import AtomicCheckpointIO, RunCheckpoint
from partita.training.config import TrainingConfig
from partita.training.interruption import Interrupted, StopSignals
from partita.training.loaders import Schedule, TrainingData
from partita.training.task import SeparationTask

__all__ = ["build_trainer", "fit"]

_log = logging.getLogger("partita")

_LOG_EVERY = 10  # steps
_EXPECTED_WARNINGS = (
    r"The number of training batches \(\d+\) is smaller than the logging interval",  # steps are counted across rounds
    "The '.*dataloader' does not have many workers",  # songs are decoded in advance
    "ReduceLROnPlateau conditioned on metric valid_loss which is not available",  # after a resume
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own use of torch
)

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]


def build_trainer(
    config: TrainingConfig, out: Path, plan: Schedule, callbacks: Sequence[Callback], *, validate: bool
) -> L.Trainer:
    """Return a trainer whose epochs are the rounds from one validation to the next.

    Args:
        config: Configuration of the run.
        out: Folder of the run; logs are written there.
        plan: Number of steps and validations.
        callbacks: All callbacks but those for averaged weights and learning rates.
        validate: Whether there are songs to validate on.

    Raises:
        ConfigError: The devices or the strategy are not available.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    optim, where = config.optim, config.trainer
    averaging = [EMAWeightAveraging(decay=optim.ema_decay)] if optim.ema_decay is not None else []
    try:
        return L.Trainer(
            accelerator=where.accelerator,
            devices=where.devices,
            num_nodes=where.nodes,
            strategy=where.strategy,
            precision=_precision(where.precision, where.accelerator),
            sync_batchnorm=where.sync_batchnorm,
            max_steps=plan.steps,
            max_epochs=-1,
            limit_train_batches=plan.validate_every * optim.accumulate,
            limit_val_batches=None if validate else 0,
            num_sanity_val_steps=0,
            accumulate_grad_batches=optim.accumulate,
            gradient_clip_val=optim.gradient_clip,
            callbacks=[*averaging, LearningRateMonitor("step"), *callbacks],
            logger=[
                CSVLogger(out, name="log", flush_logs_every_n_steps=_LOG_EVERY),
                TensorBoardLogger(out, "tensorboard", ""),
            ],
            log_every_n_steps=_LOG_EVERY,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            plugins=[AtomicCheckpointIO()],
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:  # for an unknown device or strategy
        raise ConfigError(f"[trainer]: {str(error).splitlines()[0]}") from error


def fit(
    trainer: L.Trainer,
    task: SeparationTask,
    feed: TrainingData,
    *,
    keeper: RunCheckpoint,
    stop: StopSignals,
    checkpoint: Path | None,
    out: Path,
) -> None:
    """Train to the end of the run.

    Args:
        trainer: As of :func:`build_trainer`.
        task: What a step does.
        feed: The batches.
        keeper: The callback that writes the checkpoints.
        stop: The callback that notes Ctrl-C and SIGTERM.
        checkpoint: Resume from there.
        out: Folder of the run, for messages.

    Raises:
        DivergenceError: The loss or a gradient is not finite, or has exploded.
        OutputError: A checkpoint or a log cannot be written.
        KeyboardInterrupt: A stop was requested; the state has been saved.
    """
    try:
        with stop, warnings.catch_warnings():
            for message in _EXPECTED_WARNINGS:
                warnings.filterwarnings("ignore", message)
            # our own checkpoint, which holds more than weights
            trainer.fit(task, datamodule=feed, ckpt_path=checkpoint, weights_only=False)
    except DivergenceError as error:
        back = f"the checkpoint of step {keeper.step} is kept; " if keeper.step else ""
        how = "use --resume" if keeper.step else "start again"
        raise DivergenceError(
            f"{out}: {error}; {back}lower optim.learning_rate (now {task.config.optim.learning_rate:g}) or set "
            f"optim.gradient_clip, then {how}"
        ) from error
    except Interrupted as error:
        _log.info("stopped; the state at step %d is saved in %s", keeper.step, out)
        raise KeyboardInterrupt from error
    except SystemExit as error:  # how Lightning passes a KeyboardInterrupt on
        if keeper.step:
            _log.info("stopped; the checkpoint of step %d is kept in %s", keeper.step, out)
        raise KeyboardInterrupt from error
    except OSError as error:  # of a log; checkpoints have an error of their own
        raise OutputError(f"{out}: cannot be written ({error.strerror}); free some space, then use --resume") from error


def _precision(wanted: Literal["auto", "32", "16-mixed", "bf16-mixed"], accelerator: str) -> Precision:
    if wanted != "auto":
        return "32-true" if wanted == "32" else wanted
    if accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
