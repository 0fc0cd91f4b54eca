from __future__ import annotations

import signal
import threading

import pytest
import torch

from partita.training import interruption
from partita.training.interruption import StopSignals
from partita.training.task import SeparationTask
from tests.training.runs import train


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_the_second_interrupts(number, monkeypatch):
    before = signal.getsignal(number)
    with StopSignals() as stop:
        assert signal.getsignal(number) is before  # until the training starts
        stop.on_train_start(None, None)
        signal.raise_signal(number)
        assert stop.received
        signal.raise_signal(number)  # the same request, from a parent process
        monkeypatch.setattr(interruption, "_SAME", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            stop.on_train_start(None, None)
            signal.raise_signal(signal.SIGINT)
        assert not stop.received
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)

    def run():
        with StopSignals() as stop:
            stop.on_train_start(None, None)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("method", ["training_step", "validation_step"])
def test_an_interrupted_run_saves_its_state_and_resumes_exactly(folder, same, monkeypatch, caplog, method):
    """Interrupted in the third step, or in the validation after the fifth; no checkpoint is due by time."""
    caplog.set_level("INFO", "partita")
    overrides = ("run.checkpoint_minutes=60", "optim.steps=7")
    train(folder, "unbroken", *overrides)
    plain = getattr(SeparationTask, method)

    def interrupted(task, *arguments):
        if task.global_step in (2, 5) and task.trainer.validating == (method == "validation_step"):
            signal.raise_signal(signal.SIGINT)
        return plain(task, *arguments)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(SeparationTask, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "stopped", *overrides)
    assert signal.getsignal(signal.SIGINT) is before
    last = folder / "stopped" / "checkpoints" / "last.ckpt"
    step = 3 if method == "training_step" else 5
    assert torch.load(last, weights_only=False)["global_step"] == step
    assert f"stopped; the state at step {step} is saved in" in caplog.text
    monkeypatch.setattr(SeparationTask, method, plain)
    train(folder, "stopped", *overrides, resume=True)
    same(folder / "unbroken" / "checkpoints" / "last.ckpt", last)
