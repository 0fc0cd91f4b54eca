"""Progress of a run: a bar in a terminal, otherwise a line of the log every minute."""

from __future__ import annotations

import logging
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from partita.system.text import printable

__all__ = ["ProgressLine", "show_log"]

_log = logging.getLogger("partita")

_console = Console(stderr=True, highlight=False)

_EVERY = 60.0  # seconds between lines of the log


def show_log(*, everything: bool = True) -> None:
    """Print partita's log to stderr, above the progress bar.

    Args:
        everything: Print all messages, otherwise only errors; meant for all but the first of several processes.
    """
    log = logging.getLogger("partita")
    log.addHandler(_Lines())
    log.setLevel(logging.INFO if everything else logging.ERROR)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        line = f"{time.strftime('%H:%M:%S')} {printable(record.getMessage())}"
        _console.print(line, markup=False, soft_wrap=True)


class ProgressLine(Callback):
    """Shows step, loss, speed and the time left.

    Args:
        steps: Steps of the run.
        seconds: Seconds of audio per step.
    """

    def __init__(self, steps: int, seconds: float) -> None:
        self._steps = steps
        self._seconds = seconds
        self._line: Progress | None = None
        self._first = 0
        self._began = self._told = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar."""
        self._first = trainer.global_step
        self._began = self._told = time.monotonic()
        if trainer.is_global_zero and _console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
            )
            self._line = Progress(*columns, console=_console, transient=True)
            self._line.add_task("", total=self._steps, completed=self._first)
            self._line.start()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update it."""
        if not trainer.is_global_zero or trainer.global_step == self._first:
            return
        now = time.monotonic()
        if self._line is not None:
            text = self._text(trainer, now)
            self._line.update(self._line.task_ids[0], completed=trainer.global_step, description=text)
        elif now - self._told >= _EVERY:
            self._told = now
            _log.info("step %d of %d: %s", trainer.global_step, self._steps, self._text(trainer, now))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the scores of the validation."""
        found = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("valid_")}
        sdr = ", ".join(f"{name.split('/')[1]} {value:.2f}" for name, value in found.items() if "/" in name)
        _log.info("step %d: validation loss %.4f; SDR in dB: %s", trainer.global_step, found["valid_loss"], sdr)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the bar."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Remove the bar."""
        self._stop()

    def _stop(self) -> None:
        if self._line is not None:
            self._line.stop()
            self._line = None

    def _text(self, trainer: L.Trainer, now: float) -> str:
        each = (now - self._began) / (trainer.global_step - self._first)  # seconds per step, validations included
        left = each * (self._steps - trainer.global_step) / 3600
        loss = float(trainer.callback_metrics["train_loss"])
        return f"loss {loss:.4f}, {self._seconds / each:.1f} times real time, {left:.1f} h left"
