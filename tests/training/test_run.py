from __future__ import annotations

import csv
import shutil
import signal

import numpy as np
import pytest
import soundfile
import torch

from partita.errors import AudioError, ConfigError, DivergenceError, ModelError
from partita.models.demucs import Demucs
from partita.separation import Separator
from partita.training.config import load_config
from partita.training.task import SeparationTask
from tests.data.test_songs import make_song
from tests.training.runs import config, train

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own


def metrics(run):
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_ends_as_a_package_that_separates(folder, noise):
    package = train(folder, "run")
    run = folder / "run"
    assert package.card.name == "tiny"
    assert package.card.training["steps"] == 10
    assert Separator(run).separate(noise)["drums"].any()
    assert load_config(run / "config.toml") == config()
    assert [row["step"] for row in metrics(run) if row["valid_sdr/vocals"]] == ["4", "9"]
    for name in ("loss.png", "sdr.png"):
        assert (run / name).read_bytes()[:4] == b"\x89PNG"
    assert next((run / "tensorboard").glob("events*")).stat().st_size
    sources = ("drums", "bass", "other", "vocals")
    examples = {path.stem: soundfile.read(path)[0] for path in (run / "examples").iterdir()}
    assert examples.keys() == {
        "mixture",
        *(f"{source}-{kind}" for source in sources for kind in ("reference", "estimate")),
    }
    np.testing.assert_allclose(
        sum(examples[f"{source}-reference"] for source in sources), examples["mixture"], atol=1e-6
    )


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
    monkeypatch.setattr(SeparationTask, "_score", lambda *_: np.array([1, next(losses), 1, 1, 1, 1]))
    assert train(folder, "run").card.training["steps"] == 5


@pytest.mark.usefixtures("bare")
def test_a_run_is_not_started_over_another(folder):
    train(folder, "run", "optim.steps=1")
    with pytest.raises(ConfigError, match="holds a run already"):
        train(folder, "run", "optim.steps=1")


def test_there_must_be_something_to_resume(folder):
    with pytest.raises(ConfigError, match="no checkpoint"):
        train(folder, "run", resume=True)


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
def test_early_stopping_and_the_plateau_count_validations(folder, monkeypatch):
    monkeypatch.setattr(
        "partita.training.task.overlap_add", lambda blocks, *_, **__: (b[None].repeat(4, 0) for b in blocks)
    )
    overrides = ("optim.steps=100", "run.validate_every=1", "optim.early_stop=4")
    train(folder, "run", *overrides, "optim.schedule=plateau", "optim.patience=1", "optim.factor=0.5")
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["global_step"] == 5  # the first is the best, the same ever after
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-2 / 4)


@pytest.mark.parametrize("field", ["optim.schedule=plateau", "optim.early_stop=3"])
def test_what_waits_for_validation_needs_it(folder, field):
    from partita.training.run import train as run

    with pytest.raises(ConfigError, match=f"{field.split('=')[0]}.*--valid"):
        run(config(field), data={folder / "songs": 1.0}, out=folder / "run")


def test_windows_and_weights_contradict_each_other(folder):
    from partita.training.run import train as run

    make_song(folder / "more" / "one", seconds=1.5)
    with pytest.raises(ConfigError, match="takes every window once"):
        run(config("data.stride=1.0"), data={folder / "songs": 1.0, folder / "more": 2.0}, out=folder / "run")


@pytest.mark.parametrize(("step", "value"), [(3, "nan"), (3, "inf"), (12, "1e4")])
@pytest.mark.usefixtures("bare")
def test_divergence_stops_at_the_last_good_checkpoint(folder, monkeypatch, step, value):
    plain = Demucs.loss
    calls = 0

    def diverging(*arguments):
        nonlocal calls
        calls += 1
        loss = plain(*arguments)
        return loss if calls < step else loss * float(value)

    monkeypatch.setattr(Demucs, "loss", diverging)
    monkeypatch.setattr("partita.training.guard._STEPS", 5)
    with pytest.raises(DivergenceError, match=r"run: the .*optim\.learning_rate \(now 0\.01\).*--resume") as caught:
        train(folder, "run", "optim.steps=20", "run.validate_every=20", "run.checkpoint_minutes=0.00001")
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert f"checkpoint of step {last['global_step']} is kept" in str(caught.value)
    assert all(value.isfinite().all() for value in last["current_model_state"].values())
    if step == 3:
        assert last["global_step"] == 2
    monkeypatch.setattr(Demucs, "loss", plain)
    steps = last["global_step"] + 1
    train(folder, "run", f"optim.steps={steps}", "optim.learning_rate=1e-4", resume=True)


@pytest.mark.usefixtures("bare")
def test_weights_that_are_no_numbers_are_not_saved(folder, monkeypatch):
    monkeypatch.setattr(Demucs, "check_finite", lambda _: False)
    with pytest.raises(DivergenceError, match=r"weights are not finite.*then start again"):
        train(folder, "run")
    assert not any((folder / "run" / "checkpoints").glob("*.ckpt"))


@pytest.mark.usefixtures("bare")
def test_a_validation_that_is_no_number_stops_too(folder, monkeypatch):
    monkeypatch.setattr(SeparationTask, "_score", lambda *_: np.array([1, np.nan, 1, 1, 1, 1]))
    with pytest.raises(DivergenceError, match="validation loss of step 5"):
        train(folder, "run")


@pytest.mark.usefixtures("bare")
def test_a_corrupt_song_is_named_and_left_out(folder, caplog):
    broken = folder / "songs" / "broken"
    broken.mkdir()
    (broken / "drums.wav").write_bytes(b"RIFF\0\0\0\0WAVE nothing")
    train(folder, "run", "optim.steps=1")
    assert "left out: broken" in caplog.text
    assert "drums.wav" in caplog.text


def test_no_song_at_all_is_an_error(tmp_path):
    make_song(tmp_path / "songs" / "a", stems=("kazoo",))
    with pytest.raises(AudioError, match="no song in it"):
        train(tmp_path, "run")


def test_a_device_there_is_not_is_named(folder):
    with pytest.raises(ConfigError, match=r"\[trainer\].*accelerator"):
        train(folder, "run", "trainer.accelerator=abacus")


@pytest.mark.usefixtures("bare")
def test_an_interruption_passes_through(folder, monkeypatch, caplog):
    caplog.set_level("INFO", "partita")
    plain = SeparationTask.training_step

    def interrupted(task, *arguments):
        if task.global_step == 2:
            signal.raise_signal(signal.SIGINT)
        return plain(task, *arguments)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(SeparationTask, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(folder, "run")
    assert signal.getsignal(signal.SIGINT) is before
    assert "the checkpoint of step 2 is kept, go on with --resume" in caplog.text


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


def init(package, *changes):
    """Return the overrides that start a run with a package of the tests' small Demucs."""
    return (f"model.init={package}", "model.configuration.channels=4", "model.configuration.depth=3", *changes)


@pytest.mark.usefixtures("bare")
def test_a_run_starts_with_the_weights_of_a_package(folder, recurrent):
    train(folder, "run", *init(recurrent.folder, "optim.steps=1", "optim.learning_rate=1e-12"))
    found = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    for name, value in recurrent.load_torch().state_dict().items():
        torch.testing.assert_close(found[f"model.{name}"], value, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("bare")
def test_a_resumed_run_needs_its_first_package_no_more(folder, recurrent):
    copy = shutil.copytree(recurrent.folder, folder / "package")
    train(folder, "run", *init(copy, "optim.steps=1"))
    shutil.rmtree(copy)
    train(folder, "run", *init(copy, "optim.steps=2"), resume=True)
    assert torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)["global_step"] == 2


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (("demucs", "{channels=6, depth=3}"), "channels of .* is 4, and of the run 6"),
        (("wave-unet", "{}"), "is a demucs, and model.architecture is wave-unet"),
    ],
)
def test_a_package_of_another_model_is_refused(folder, recurrent, model, told):
    architecture, fields = model
    start = (f"model.init={recurrent.folder}", f"model.architecture={architecture}", f"model.configuration={fields}")
    with pytest.raises(ConfigError, match=told):
        train(folder, "run", *start)


def test_there_must_be_such_a_package(folder):
    with pytest.raises(ModelError, match=r"no model 'defalt'.*default"):
        train(folder, "run", "model.init=defalt")
