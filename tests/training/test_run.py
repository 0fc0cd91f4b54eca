from __future__ import annotations

import csv
import json
import logging

import pytest
import torch

from partita.errors import ConfigError
from partita.separation import Separator
from partita.training.config import TrainingConfig, load_config
from partita.training.run import train
from partita.training.task import learning_rate_factor
from tests.data.test_songs import make_song

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own

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
steps = {steps}
ema_decay = {ema}

[run]
validate_every = 5
checkpoint_minutes = 0.0001
name = "tiny"
window = 1.0
"""


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@pytest.fixture
def songs(tmp_path):
    for index in range(3):
        make_song(tmp_path / "songs" / str(index), seconds=1.5, seed=index)
    return tmp_path / "songs"


def config(tmp_path, steps=10, ema=0.9) -> TrainingConfig:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(steps=steps, ema=ema))
    return load_config(path)


def run(tmp_path, songs, name, **options):
    steps = options.pop("steps", 10)
    return train(
        config(tmp_path, steps), data=[songs], valid=[songs], out=tmp_path / name, cache=tmp_path / "cache", **options
    )


def test_a_run_ends_as_a_package_that_separates(tmp_path, songs, noise):
    package = run(tmp_path, songs, "run")
    assert package.card.name == "tiny"
    assert package.card.training["steps"] == 10
    stems = Separator(tmp_path / "run").separate(noise)
    assert stems["drums"].any()
    with next((tmp_path / "run" / "log").rglob("metrics.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert any(row["valid_sdr/vocals"] for row in rows)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["optim"]["steps"] == 10


def test_training_learns(tmp_path):
    """Two stems of different bands are told apart in a few steps: the loss falls well below that of silence."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    folder = tmp_path / "songs" / "a"
    folder.mkdir(parents=True)
    hiss = rng.standard_normal((66150, 2))
    hum = np.cumsum(rng.standard_normal((66150, 2)), 0)
    hum -= hum.mean(0)
    for name, samples in (("drums", np.diff(hiss, axis=0, prepend=0)), ("bass", hum)):
        soundfile.write(folder / f"{name}.wav", 0.1 * samples / samples.std(), 44100, subtype="FLOAT")
    run(tmp_path, tmp_path / "songs", "run", steps=150)
    with next((tmp_path / "run" / "log").rglob("metrics.csv")).open() as file:
        rows = [row for row in csv.DictReader(file) if row["valid_sdr/bass"]]
    assert float(rows[-1]["valid_sdr/bass"]) > 2
    assert float(rows[-1]["valid_loss"]) < 0.8 * float(rows[0]["valid_loss"])


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path, songs):
    unbroken = run(tmp_path, songs, "unbroken", steps=10)
    run(tmp_path, songs, "broken", steps=7)
    resumed = run(tmp_path, songs, "broken", steps=10, resume=True)
    for path in ("last.ckpt",):
        one, other = (
            torch.load(package.folder / "checkpoints" / path, weights_only=False) for package in (unbroken, resumed)
        )
        assert one["global_step"] == other["global_step"] == 10
        for name, value in one["state_dict"].items():
            torch.testing.assert_close(value, other["state_dict"][name], rtol=0, atol=1e-6)


def test_a_run_is_not_started_over_another(tmp_path, songs):
    run(tmp_path, songs, "run", steps=1)
    with pytest.raises(ConfigError, match="holds a run already"):
        run(tmp_path, songs, "run", steps=1)


def test_there_must_be_something_to_resume(tmp_path, songs):
    with pytest.raises(ConfigError, match="no checkpoint"):
        run(tmp_path, songs, "run", resume=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\nbatch = 3", "data.batch"),
        ("[optim]\nlearning_rate = -1", "optim.learning_rate"),
        ("[augment]\nremix_group = 5", "remix_group"),
        ("[data", "config.toml"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")


def test_the_default_configuration_is_the_papers():
    config = TrainingConfig()
    assert (config.optim.learning_rate, config.optim.loss, config.optim.schedule) == (3e-4, "l1", "constant")
    assert (config.data.batch_size, config.data.segment) == (64, 10.0)
    assert (config.augment.shift, config.augment.remix_group) == (1.0, 4)


def test_learning_rates():
    assert learning_rate_factor(0, 100, 10, "constant") == pytest.approx(0.1)
    assert learning_rate_factor(50, 100, 10, "constant") == 1
    assert learning_rate_factor(10, 110, 10, "cosine") == pytest.approx(1)
    assert learning_rate_factor(60, 110, 10, "cosine") == pytest.approx(0.5)
    assert learning_rate_factor(110, 110, 10, "cosine") == pytest.approx(0)
