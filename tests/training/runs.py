"""Tiny runs, for the tests and for the processes they start."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch

from partita.training import checkpoints, run
from partita.training.config import TrainingConfig, parse_config
from partita.training.task import SeparationTask

CONFIG = """
[model.configuration]
channels = 8
depth = 2

[data]
segment = 0.2
batch_size = 4

[augment]
shift = 0.1
scale = [0.25, 1.25]

[optim]
learning_rate = 1e-2
steps = 10
ema_decay = 0.9

[run]
validate_every = 5
checkpoint_minutes = 0.0001
name = "tiny"
window = 1.0
"""


def config(*overrides: str) -> TrainingConfig:
    return parse_config(CONFIG, "tiny", overrides)


def train(folder: Path, name: str, *overrides: str, **options):
    """Train on ``folder/songs`` in ``folder/name``, with one thread in every process: sums depend on their number."""
    torch.set_num_threads(1)
    songs = folder / "songs"
    return run.train(
        config(*overrides), data={songs: 1.0}, valid=[songs], out=folder / name, cache=folder / "cache", **options
    )


def train_and_die(folder: Path, name: str, moment: str, count: int, *overrides: str, **options) -> None:
    """Train, and kill this process by SIGKILL at the ``count``-th time of a moment.

    ``step``: as a step begins; ``validate``: as a song is validated; ``write``: a checkpoint is half written;
    ``rename``: it is written, but has not taken its name.
    """

    def die_before(function):
        calls = 0

        def wrapped(*arguments, **keywords):
            nonlocal calls
            calls += 1
            if calls == count:
                if moment == "write":
                    _half(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return wrapped

    owner, attribute = {
        "step": (SeparationTask, "training_step"),
        "validate": (SeparationTask, "validation_step"),
        "write": (torch, "save"),
        "rename": (checkpoints.os, "fsync"),
    }[moment]
    setattr(owner, attribute, die_before(getattr(owner, attribute)))
    train(folder, name, *overrides, **options)


def _half(state, file) -> None:
    """Write the first half of a checkpoint, and see to it that it reaches the disk."""
    torch.serialization.save(state, path := Path(f"{file.name}.whole"))
    whole = path.read_bytes()
    path.unlink()
    file.write(whole[: len(whole) // 2])
    file.flush()
