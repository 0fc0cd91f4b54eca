"""A small experiment and its songs."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

RATE = 8000
PLAN = """
title = "Small and smaller"
seeds = [1, 2]
set = ["model.configuration.sample_rate=8000", "optim.steps=3"]

[[systems]]
name = "floor"
oracle = "mixture"

[[systems]]
name = "ceiling"
oracle = "irm2"
paper = {all = 8.22}

[[systems]]
name = "demucs"
config = "base.toml"
paper = {all = 5.58}

[[systems]]
name = "no-lstm"
config = "base.toml"
set = ["model.configuration.lstm_layers=0"]
"""
BASE = """
[model.configuration]
channels = 4
depth = 2
[data]
segment = 0.2
batch_size = 4
[augment]
shift = 0.1
[optim]
steps = 100
[run]
validate_every = 2
window = 0.5
"""


@pytest.fixture
def plan(tmp_path):
    """The file of the experiment."""
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path / "plan.toml"


@pytest.fixture
def songs(tmp_path):
    """A folder of two songs."""
    rng = np.random.default_rng(0)
    for song in ("one", "two"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for stem in ("drums", "bass", "other", "vocals"):
            samples = rng.uniform(-0.2, 0.2, (RATE, 2))
            soundfile.write(tmp_path / "songs" / song / f"{stem}.wav", samples, RATE)
    return tmp_path / "songs"
