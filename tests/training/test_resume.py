"""A run that was stopped at any moment and resumed ends in the state of one that never was."""

from __future__ import annotations

import multiprocessing
import resource
import signal

import pytest

from partita.errors import ConfigError, OutputError
from partita.training.task import SeparationTask
from tests.training.runs import train, train_and_die

pytestmark = pytest.mark.usefixtures("bare")

STEPS = 7
RECIPES = {
    "averaged": ("run.validate_every=3",),
    "accumulated plateau": (
        "run.validate_every=2",
        "optim.accumulate=2",
        "augment.remix_group=2",
        "optim.schedule=plateau",
        "optim.patience=1",
    ),
    "epochs of windows": ("data.stride=0.25", "optim.epochs=3", "optim.schedule=cosine", "optim.warmup_steps=2"),
}


@pytest.fixture(scope="module")
def processes():
    """Processes that start with everything imported and nothing run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.runs"])
    return context


@pytest.mark.parametrize("recipe", RECIPES)
def test_stopped_after_any_step(folder, same, monkeypatch, recipe):
    overrides = (*RECIPES[recipe], f"optim.steps={STEPS}")
    train(folder, "unbroken", *overrides)
    plain = SeparationTask.training_step
    parts = 2 if "accumulate" in recipe else 1
    for done in (2, 3, 4):  # before, at and after the end of a round or an epoch
        calls = 0

        def failing(*arguments, done=done):
            nonlocal calls
            calls += 1
            if calls == done * parts + 1:
                raise KeyError
            return plain(*arguments)

        monkeypatch.setattr(SeparationTask, "training_step", failing)
        with pytest.raises(KeyError):
            train(folder, f"stopped-{done}", *overrides)
        monkeypatch.setattr(SeparationTask, "training_step", plain)
        train(folder, f"stopped-{done}", *overrides, resume=True)
        for name in ("last.ckpt", "best.ckpt"):
            same(*(folder / run / "checkpoints" / name for run in ("unbroken", f"stopped-{done}")))


@pytest.mark.parametrize(("moment", "count"), [("step", 5), ("validate", 2), ("write", 1), ("write", 4), ("rename", 4)])
def test_killed_at_any_moment(folder, same, processes, moment, count):
    overrides = (*RECIPES["averaged"], f"optim.steps={STEPS}")
    train(folder, "unbroken", *overrides)
    process = processes.Process(target=train_and_die, args=(folder, "killed", moment, count, *overrides))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    checkpoints = folder / "killed" / "checkpoints"
    assert (checkpoints / "last.ckpt").exists() == ((moment, count) != ("write", 1))
    assert any(checkpoints.glob(".*")) == (moment in ("write", "rename"))
    train(folder, "killed", *overrides, resume=(checkpoints / "last.ckpt").exists())
    same(folder / "unbroken" / "checkpoints" / "last.ckpt", checkpoints / "last.ckpt")
    assert not any(checkpoints.glob(".*"))


def test_a_full_disk_leaves_the_last_good_checkpoint(folder, same, processes):
    train(folder, "unbroken", "optim.steps=2")
    results = processes.Queue()
    process = processes.Process(target=train_until_the_disk_is_full, args=(folder, results))
    process.start()
    kind, message = results.get(timeout=60)
    process.join(60)
    assert kind == OutputError.__name__
    assert ".ckpt: cannot be written: File too large; the checkpoint of step 1 is kept" in message
    last = folder / "full" / "checkpoints" / "last.ckpt"
    assert not any(last.parent.glob(".*"))
    train(folder, "full", "optim.steps=2", resume=True)
    same(folder / "unbroken" / "checkpoints" / "last.ckpt", last)


def train_until_the_disk_is_full(folder, results):
    """In a process of its own: no file may grow beyond 20 kB once the first checkpoint is there."""
    plain = SeparationTask.training_step

    def step(task, stems, batch_idx):
        if task.global_step == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return plain(task, stems, batch_idx)

    SeparationTask.training_step = step
    try:
        train(folder, "full", "optim.steps=2")
    except Exception as error:  # told to the test
        results.put((type(error).__name__, str(error)))


def test_a_checkpoint_of_another_model_is_refused(folder):
    train(folder, "run", "optim.steps=1")
    with pytest.raises(ConfigError, match=r"model\.configuration\.channels is 8 in the checkpoint and 4 in the conf"):
        train(folder, "run", "model.configuration.channels=4", resume=True)


def test_what_is_no_checkpoint_is_refused(folder):
    train(folder, "run", "optim.steps=1")
    (folder / "run" / "checkpoints" / "last.ckpt").write_bytes(b"something else")
    with pytest.raises(ConfigError, match=r"last\.ckpt: not a checkpoint"):
        train(folder, "run", resume=True)
