from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.models import build
from partita.training.loaders import TrainingData, WindowDataset, schedule
from tests.training.runs import config

RATE = 44100


class Ramp:
    """A song whose samples tell where they are: its number and the time in samples."""

    def __init__(self, number, samples):
        self.number, self.samples, self.deviation = number, samples, 1.0

    def read(self, start, samples):
        out = np.full((4, 2, samples), self.number, np.float32)
        out[1:] = np.arange(start, start + samples)
        return out


def windows(lengths, *, samples=1000, stride=300, batch_size=4, seed=0):
    songs = [Ramp(number, length) for number, length in enumerate(lengths)]
    return WindowDataset(songs, samples=samples, stride=stride, batch_size=batch_size, length=10**6, seed=seed)


@given(st.lists(st.integers(500, 5000), min_size=1, max_size=5), st.integers(0, 3))
def test_each_pass_shows_every_window_once(lengths, seed):
    data = windows(lengths, batch_size=1, seed=seed)
    expected = {
        (number, start) for number, length in enumerate(lengths) for start in range(0, max(1, length - 1000 + 1), 300)
    }
    count = len(expected)
    for turn in range(2):
        found = [data[index] for index in range(turn * count, (turn + 1) * count)]
        assert {(int(item[0, 0, 0]), int(item[1, 0, 0])) for item in found} == expected


def test_passes_differ_and_leave_out_what_fills_no_batch():
    data = windows([9000], batch_size=5)  # 27 windows
    passes = [[int(data[turn * 25 + index][1, 0, 0]) for index in range(25)] for turn in range(2)]
    assert passes[0] != passes[1]
    assert all(len(set(starts)) == 25 for starts in passes)
    again = windows([9000], batch_size=5)
    assert [int(again[index][1, 0, 0]) for index in range(25)] == passes[0]


def test_steps_follow_from_epochs():
    model = build("demucs", channels=8, depth=2)
    chosen = config("data.stride=1.0", "data.repeat=2", "optim.epochs=3", "optim.steps=1000000")
    lengths = [30 * RATE, 60 * RATE]  # 30 + 60 windows of less than a second: 22 batches of 4
    plan = schedule(chosen, model, lengths)
    assert (plan.epoch, plan.steps, plan.validate_every) == (44, 132, 5)
    free = chosen.model_copy(update={"run": chosen.run.model_copy(update={"validate_every": None})})
    assert schedule(free, model, lengths).validate_every == 44
    few = config("data.stride=1.0", "optim.epochs=3", "optim.steps=50")
    assert schedule(few, model, lengths).steps == 50
    with pytest.raises(ConfigError, match="3 windows, fewer than a batch of 4"):
        schedule(chosen, model, [RATE] * 3)


def batches(chosen, processes, rank, step=0):
    model = build("demucs", channels=8, depth=2)
    feed = TrainingData(chosen, model, [Ramp(0, 10**6)], weights=[1.0], valid=3, steps=3)
    feed.trainer = SimpleNamespace(
        world_size=processes,
        global_rank=rank,
        global_step=step,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    return list(feed.train_dataloader().batch_sampler), list(feed.val_dataloader())


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_batch_is_dealt_out_whole(processes, parts):
    chosen = config("data.batch_size=32", f"optim.accumulate={parts}")
    dealt = [batches(chosen, processes, rank) for rank in range(processes)]
    for step in range(3):
        rows = [dealt[rank][0][step * parts + part] for part in range(parts) for rank in range(processes)]
        assert [index for row in rows for index in row] == list(range(step * 32, (step + 1) * 32))
    assert {song for _, songs in dealt for song in songs} == {0, 1, 2}
    assert batches(chosen, processes, 0, step=2)[0] == dealt[0][0][2 * parts :]


def test_groups_are_not_torn():
    with pytest.raises(ConfigError, match="4 excerpts cannot be divided among 2 processes"):
        batches(config(), 2, 0)
