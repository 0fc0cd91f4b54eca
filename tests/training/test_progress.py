from __future__ import annotations

import io
import logging
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from partita.training import progress
from partita.training.progress import ProgressLine, show_log


@pytest.fixture
def trainer():
    return SimpleNamespace(is_global_zero=True, global_step=0, callback_metrics={"train_loss": 0.5})


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.time, strftime=time.strftime))
    return now


def take_step(line, trainer, clock, seconds):
    trainer.global_step += 1
    clock.time += seconds
    line.on_train_batch_end(trainer, None, None, None, 0)


def test_without_a_terminal_a_line_is_logged_every_minute(trainer, clock, caplog):
    caplog.set_level("INFO", "partita")
    line = ProgressLine(steps=100, seconds=60.0)
    line.on_train_start(trainer, None)
    for _ in range(10):
        take_step(line, trainer, clock, 20.0)
    assert [record.getMessage() for record in caplog.records] == [
        f"step {step} of 100: loss 0.5000, 3.0 times real time, {(100 - step) * 20 / 3600:.1f} h left"
        for step in (3, 6, 9)
    ]


def test_other_processes_are_quiet(trainer, clock, caplog):
    caplog.set_level("INFO", "partita")
    trainer.is_global_zero = False
    line = ProgressLine(steps=100, seconds=60.0)
    line.on_train_start(trainer, None)
    take_step(line, trainer, clock, 1000.0)
    assert not caplog.records


def test_a_validation_is_logged(trainer, caplog):
    caplog.set_level("INFO", "partita")
    trainer.global_step = 7
    trainer.callback_metrics |= {"valid_loss": 0.25, "valid_sdr/drums": 1.234, "valid_sdr/bass": -0.5}
    ProgressLine(steps=10, seconds=1.0).on_validation_end(trainer, None)
    assert caplog.messages == ["step 7: validation loss 0.2500; SDR in dB: drums 1.23, bass -0.50"]


def test_a_terminal_gets_a_bar_that_is_removed(trainer, clock, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(progress, "_console", Console(file=screen, force_terminal=True, width=100))
    line = ProgressLine(steps=100, seconds=60.0)
    line.on_train_start(trainer, None)
    take_step(line, trainer, clock, 20.0)
    line.on_exception(trainer, None, KeyboardInterrupt())
    assert "1/100" in screen.getvalue()
    assert "3.0 times real time" in screen.getvalue()


@pytest.mark.parametrize(("everything", "shown"), [(True, ["information", "a\\x1bname"]), (False, ["a\\x1bname"])])
def test_the_log_goes_to_the_console_without_control_characters(monkeypatch, everything, shown):
    screen = io.StringIO()
    monkeypatch.setattr(progress, "_console", Console(file=screen))
    log = logging.getLogger("partita")
    handlers, level = list(log.handlers), log.level
    try:
        show_log(everything=everything)
        log.info("information")
        log.error("a\x1bname")
    finally:
        log.handlers, log.level = handlers, level
    assert [line.split(" ", 1)[1] for line in screen.getvalue().splitlines()] == shown
