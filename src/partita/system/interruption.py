"""Ctrl-C, SIGTERM and SIGHUP end a command, cleanly if it can, and in any case within a second."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from partita.system.private import remove_unfinished

__all__ = ["EXIT_CODE", "ends_within", "ignore_further_signals", "interrupt_on_signals"]

EXIT_CODE = 128 + signal.SIGINT  # as shells have it

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # SIGHUP: the terminal was closed

_once = False  # whether only the first signal counts
_received = False


def interrupt_on_signals() -> None:
    """Let each of these signals raise :class:`KeyboardInterrupt` in the main thread, unless it is ignored."""
    global _once, _received
    _once = _received = False
    for name in _SIGNALS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_further_signals() -> None:
    """After an interruption, keep others from killing the process while the interpreter shuts down."""
    if _received:
        for name in _SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _received
    if _once and _received:  # the first one is being obeyed; a second one could only do harm
        return
    _received = True
    signal.default_int_handler(number, frame)


@contextmanager
def ends_within(seconds: float, report: Callable[[], None]) -> Iterator[None]:
    """Make sure that the process ends soon after the first signal of :func:`interrupt_on_signals`.

    A library that does not return keeps :class:`KeyboardInterrupt` from being raised, or threads from being joined.
    If the process has not ended by itself after a while, its unfinished files are removed and it ends on the spot,
    with exit code 130. All signals after the first are ignored. Used in the main thread, once in a process.

    Args:
        seconds: What the process has to end by itself.
        report: Called if the process is ended on the spot and has not been interrupted before; prints a line.
    """
    global _once
    if threading.current_thread() is not threading.main_thread():  # Python accepts no handlers there
        yield
        return
    _once = True
    reading, writing = socket.socketpair()
    writing.setblocking(False)  # as Python wants it
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    interrupting = {getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)}

    def watch() -> None:
        while (number := reading.recv(1)) and number[0] not in interrupting:
            pass
        if not number or signal.getsignal(number[0]) != _interrupt:
            reading.close()
            return
        time.sleep(seconds)  # the process usually ends meanwhile, and this thread with it
        if not _received:
            with suppress(Exception):
                report()
        remove_unfinished(seconds)
        os._exit(EXIT_CODE)

    def stop_watching() -> None:
        signal.set_wakeup_fd(before)
        writing.close()

    threading.Thread(target=watch, name="partita-interruption", daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:  # the thread goes on watching until the process has ended
        raise
    except BaseException:
        stop_watching()
        raise
    stop_watching()
