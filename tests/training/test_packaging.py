from __future__ import annotations

import multiprocessing
import resource

import numpy as np
import pytest
import soundfile
import torch

from partita.errors import OutputError
from partita.separation import Separator
from partita.training import package_checkpoint
from partita.training.folder import last_checkpoint
from partita.training.packaging import write_results
from partita.training.report import read_table
from partita.training.start import load_songs
from partita.zoo import open_package
from partita.zoo.card import WindowLengths
from tests.training.runs import config, train


def test_a_finished_run_is_a_package_with_curves_and_examples(finished, noise):
    package = open_package(finished)
    assert package.card.name == "tiny"
    assert package.card.training["steps"] == 10
    assert package.card.training["configuration"]["optim"]["learning_rate"] == 1e-2
    assert package.card.lengths == WindowLengths((config().data.segment,), (config().run.window,))
    assert "init_sha256" not in package.card.training
    assert Separator(package).separate(noise)["drums"].any()
    assert [step for step, row in read_table(finished / "metrics.csv").items() if "valid_sdr/vocals" in row] == [4, 9]
    for name in ("loss.png", "sdr.png"):
        assert (finished / name).read_bytes()[:4] == b"\x89PNG"
    assert next((finished / "tensorboard").glob("events*")).stat().st_size
    sources = ("drums", "bass", "other", "vocals")
    examples = {path.stem: soundfile.read(path)[0] for path in (finished / "examples").iterdir()}
    assert examples.keys() == {
        "mixture",
        *(f"{source}-{kind}" for source in sources for kind in ("reference", "estimate")),
    }
    np.testing.assert_allclose(
        sum(examples[f"{source}-reference"] for source in sources), examples["mixture"], atol=1e-6
    )


def test_the_package_holds_the_averaged_weights(finished, tmp_path):
    checkpoint = last_checkpoint(finished)
    package = package_checkpoint(checkpoint, config(), tmp_path / "made")
    saved = torch.load(checkpoint, weights_only=False)
    for name, value in package.load_torch().state_dict().items():
        averaged = saved["state_dict"][f"model.{name}"]
        torch.testing.assert_close(value, averaged.half().float(), rtol=0, atol=0)
        trained = saved["current_model_state"][f"model.{name}"]
    assert not torch.equal(averaged, trained)


def test_a_full_disk_is_one_sentence_and_resuming_writes_the_package(folder):
    """In a process of its own, in which no file may grow beyond 20 kB once the training is done."""
    context = multiprocessing.get_context("forkserver")
    results = context.Queue()
    process = context.Process(target=train_with_a_full_disk_at_the_end, args=(folder, results))
    process.start()
    kind, message = results.get(timeout=120)
    process.join(60)
    assert kind == OutputError.__name__
    assert "run: cannot be written: File too large; training is complete" in message
    assert message.endswith("use --resume")
    assert not (folder / "run" / "card.toml").exists()
    assert not any((folder / "run").glob(".partita-*"))
    assert train(folder, "run", "optim.steps=1", resume=True).card.training["steps"] == 1


def train_with_a_full_disk_at_the_end(folder, results):
    from partita.training import run

    def write(*arguments):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return write_results(*arguments)

    run.write_results = write
    try:
        train(folder, "run", "optim.steps=1")
    except Exception as error:  # told to the test
        results.put((type(error).__name__, str(error)))


def test_what_cannot_be_written_is_named(finished, folder, monkeypatch):
    from partita.training import report

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(report, "write_curves", fail)
    (song, *_) = load_songs([folder / "songs"], open_package(finished).load_torch(), folder / "cache")
    with pytest.raises(OutputError, match=r"out: cannot be written: Permission denied; training is complete"):
        write_results(last_checkpoint(finished), config(), folder / "out", song)
