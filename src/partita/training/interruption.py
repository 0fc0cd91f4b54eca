"""Ctrl-C and SIGTERM during training: the run stops at the next step boundary, after its state has been saved."""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

__all__ = ["Interrupted", "StopSignals"]

_log = logging.getLogger("partita")

_SAME = 1.0  # seconds within which a second signal counts as the first: a terminal and a parent may both send one


class Interrupted(Exception):  # noqa: N818 - a request that was honoured, not a failure
    """Ends Lightning's loop after a requested stop; never leaves :mod:`partita.training`."""


class StopSignals(Callback):
    """Notes the first SIGINT or SIGTERM of a run; the second interrupts it at once.

    Used as a context manager around Lightning's ``fit``, which puts the former handlers back.

    Attributes:
        received: Whether a stop was requested.
    """

    def __init__(self) -> None:
        self.received = False
        self._received_at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # Python accepts handlers nowhere else
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            self._before = {n: how for n, how in handlers.items() if how not in (signal.SIG_IGN, None)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the signals over, now that Lightning has installed its own handlers."""
        for number in self._before:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            if time.monotonic() - self._received_at > _SAME:
                signal.default_int_handler(number, frame)
            return
        self.received, self._received_at = True, time.monotonic()
        _log.info("stopping after this step or validation; interrupt again to stop at once")
