"""Several processes give what one gives with their batches together."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tests.training.runs import CONFIG, train

# two processes validate on three songs; no two gradients may be alike, so each group has a batch of its own
OVERRIDES = ("data.batch_size=8", "optim.steps=3", "run.validate_every=2", "optim.gradient_clip=0.5")


def state(folder, name):
    return torch.load(folder / name / "checkpoints" / "last.ckpt", weights_only=False)


def assert_equal_runs(one, other):
    """Compare first and second moments of the gradients, which tell more than weights whose steps Adam scales."""
    for first, second in zip(
        one["optimizer_states"][0]["state"].values(), other["optimizer_states"][0]["state"].values(), strict=True
    ):
        torch.testing.assert_close(first["exp_avg"], second["exp_avg"], rtol=1e-3, atol=1e-7)
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(value, other["state_dict"][name], rtol=0, atol=1e-4)


@pytest.mark.usefixtures("bare")
def test_accumulated_parts_are_one_batch(folder):
    train(folder, "whole", *OVERRIDES)
    train(folder, "parts", *OVERRIDES, "optim.accumulate=2")
    assert_equal_runs(state(folder, "whole"), state(folder, "parts"))


def test_two_processes_are_one_with_the_batch_doubled(folder):
    (folder / "config.toml").write_text(CONFIG)
    train(folder, "one", *OVERRIDES)
    overrides = [*OVERRIDES, "trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp"]
    command = [sys.executable, "-m", "partita", "train", "config.toml", "--data", "songs", "--valid", "songs"]
    command += ["-o", "two", "--cache", "cache", *(word for field in overrides for word in ("--set", field))]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["two"]  # one process speaks
    assert done.stderr.count("training on 3 songs") == 1
    one, two = state(folder, "one"), state(folder, "two")
    assert_equal_runs(one, two)
    best = [
        next(value["best"] for name, value in run["callbacks"].items() if "RunCheckpoint" in name) for run in (one, two)
    ]
    assert best[0] == pytest.approx(best[1], rel=1e-4)
    assert (folder / "two" / "model.onnx").exists()
