from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
import torch

from partita.training.config import load_config
from partita.training.validation import SongScore
from tests.training.runs import config, train


def metrics(run):
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_configuration_of_a_run_is_kept(finished):
    assert load_config(finished / "config.toml") == config()


def test_training_learns(tmp_path):
    """Two stems of different bands are told apart in a few steps: the loss falls well below that of silence."""
    rng = np.random.default_rng(0)
    song = tmp_path / "songs" / "a"
    song.mkdir(parents=True)
    hiss = rng.standard_normal((66150, 2))
    hum = np.cumsum(rng.standard_normal((66150, 2)), 0)
    hum -= hum.mean(0)
    for name, samples in (("drums", np.diff(hiss, axis=0, prepend=0)), ("bass", hum)):
        soundfile.write(song / f"{name}.wav", 0.1 * samples / samples.std(), 44100, subtype="FLOAT")
    train(tmp_path, "run", "optim.steps=100", "run.validate_every=50")
    rows = [row for row in metrics(tmp_path / "run") if row["valid_sdr/bass"]]
    assert float(rows[-1]["valid_sdr/bass"]) > 2
    assert float(rows[-1]["valid_loss"]) < 0.8 * float(rows[0]["valid_loss"])
    assert "valid_sdr/vocals" not in rows[0]  # silence has no SDR


def test_the_package_is_the_best_state(folder, monkeypatch):
    losses = iter([0.5, 0.5, 0.5, 0.9, 0.9, 0.9])  # three songs, two validations
    monkeypatch.setattr("partita.training.task.score_song", lambda *_, **__: SongScore(next(losses), (1.0,) * 4))
    assert train(folder, "run").card.training["steps"] == 5


@pytest.mark.usefixtures("bare")
def test_a_finished_run_can_go_on(folder):
    train(folder, "long", "optim.steps=5", "run.validate_every=5")
    train(folder, "short", "optim.steps=3", "run.validate_every=5")
    train(folder, "short", "optim.steps=3", "run.validate_every=5", resume=True)
    train(folder, "short", "optim.steps=5", "run.validate_every=5", resume=True)
    states = [torch.load(folder / name / "checkpoints" / "last.ckpt", weights_only=False) for name in ("long", "short")]
    assert states[0]["global_step"] == states[1]["global_step"] == 5
    for name, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][name])


@pytest.mark.usefixtures("bare")
def test_a_changed_learning_rate_takes_effect(folder, caplog):
    caplog.set_level("INFO", "partita")
    train(folder, "run", "optim.steps=2")
    train(folder, "run", "optim.steps=3", "optim.learning_rate=1e-3", resume=True)
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-3)
    assert "optim.learning_rate was 0.01 and is now 0.001" in caplog.text


@pytest.mark.usefixtures("bare")
def test_a_changed_optimiser_begins_afresh(folder, caplog):
    caplog.set_level("INFO", "partita")
    train(folder, "run", "optim.steps=2")
    train(folder, "run", "optim.steps=5", "optim.optimizer=muon", resume=True)
    train(folder, "run", "optim.steps=6", "optim.optimizer=muon", resume=True)
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    state = last["optimizer_states"][0]
    assert last["global_step"] == 6
    assert [group["step"] for group in state["param_groups"]] == [4, 4]
    assert [group["lr"] for group in state["param_groups"]] == pytest.approx([0.2, 1e-2])
    assert "optim.optimizer was adam and is now muon" in caplog.text


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "overrides",
    [
        ("trainer.precision=bf16-mixed", "optim.gradient_clip=0.1"),
        ("data.workers=2", "augment.repitch=1.0"),
        ("model.architecture=open-unmix", "model.configuration={hidden=8, layers=1}", "optim.loss=mse"),
        (
            "model.architecture=conv-tasnet",
            "model.configuration={filters=8, bottleneck=4, hidden=4, blocks=2, stacks=1}",
        ),
        ("model.architecture=wave-unet", "model.configuration={filters=2, levels=2}", "augment.remix_group=0"),
        ("model.architecture=spectrogram-unet", "model.configuration={filters=[2, 2]}", "data.segment=0.4"),
    ],
)
def test_options_and_architectures_train(folder, overrides):
    train(folder, "run", "optim.steps=2", "run.validate_every=2", *overrides)
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["global_step"] == 2
    assert all(value.isfinite().all() for value in last["state_dict"].values())
