from __future__ import annotations

import pytest
import torch

from partita.models import build
from partita.training.task import SeparationTask, learning_rate_factor
from tests.training.runs import config


def augmented(first, count=8):
    """Return the songs of each stem after augmentation; every sample holds the number of its song."""
    options = ("augment.flip_sign=false", "augment.scale=[1.0, 1.0]")
    task = SeparationTask(build("demucs", channels=4, depth=2), config(*options), steps=1)
    stems = torch.arange(first, first + count).float()[:, None, None, None].repeat(1, 4, 2, 8820)
    return task._augment(stems, first)[:, :, 0, 0]


def test_stems_are_remixed_within_their_groups():
    found = augmented(0, 200)
    groups = found.reshape(50, 4, 4)
    for index, group in enumerate(groups):
        for source in range(4):
            assert sorted(group[:, source].tolist()) == [4 * index + item for item in range(4)]
    assert not (found == found[:, :1]).all()


def test_augmentation_does_not_depend_on_how_a_batch_is_divided():
    whole = augmented(0, 16)
    assert torch.equal(torch.cat([augmented(0), augmented(8)]), whole)


def test_learning_rates():
    assert learning_rate_factor(0, 100, 10, "constant") == pytest.approx(0.1)
    assert learning_rate_factor(50, 100, 10, "constant") == 1
    assert learning_rate_factor(100, 100, 10, "constant") == 1
    cooling = [learning_rate_factor(step, 100, 10, "constant", cooldown=20) for step in (0, 80, 90, 100, 101)]
    assert cooling == pytest.approx([0.1, 1, 0.5, 0, 0])
    assert learning_rate_factor(10, 110, 10, "cosine") == pytest.approx(1)
    assert learning_rate_factor(60, 110, 10, "cosine") == pytest.approx(0.5)
    assert learning_rate_factor(110, 110, 10, "cosine") == pytest.approx(0)
