from __future__ import annotations

import logging

import pytest
import torch

from partita.training import run
from tests.data.test_songs import make_song
from tests.models.conftest import one_thread
from tests.training.runs import train

__all__ = ["one_thread"]


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@pytest.fixture
def folder(tmp_path):
    """A folder with three songs of noise in ``songs``."""
    for index in range(3):
        make_song(tmp_path / "songs" / str(index), seconds=1.5, seed=index)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished run of ten steps with two validations; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    for index in range(3):
        make_song(folder / "songs" / str(index), seconds=1.5, seed=index)
    train(folder, "run")
    return folder / "run"


@pytest.fixture
def bare(monkeypatch):
    """Let a run end with its last checkpoint, without package, curves and examples."""
    monkeypatch.setattr(run, "write_results", lambda *_: None)
    monkeypatch.setattr(run, "open_package", lambda out: out)


@pytest.fixture(scope="session")
def same():
    """Return whether two checkpoints hold the same state, the times of their writing aside."""

    def compare(one, other, path=""):
        if isinstance(one, dict):
            assert one.keys() == other.keys(), path
            for name in one:
                compare(one[name], other[name], f"{path}/{name}")
        elif isinstance(one, list | tuple):
            assert len(one) == len(other), path
            for index, pair in enumerate(zip(one, other, strict=True)):
                compare(*pair, f"{path}/{index}")
        elif isinstance(one, torch.Tensor):
            assert torch.equal(one, other), path
        else:
            assert one == other, path

    def same(one, other):
        first, second = (torch.load(path, weights_only=False) for path in (one, other))
        for name in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "callbacks"):
            compare(first[name], second[name], name)
        for name in ("current_model_state", "averaging_state"):
            compare(first.get(name), second.get(name), name)

    return same
