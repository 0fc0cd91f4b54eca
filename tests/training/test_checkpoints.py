from __future__ import annotations

import numpy as np
import pytest
import torch

from partita.errors import DivergenceError, OutputError
from partita.models.demucs import Demucs
from partita.training.checkpoints import AtomicCheckpointIO
from partita.training.validation import SongScore
from tests.training.runs import train


def test_a_checkpoint_appears_whole(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(3)}, path)
    assert [entry.name for entry in path.parent.iterdir()] == ["last.ckpt"]
    assert torch.equal(torch.load(path)["weights"], torch.arange(3))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64\nmore")])
def test_what_goes_wrong_is_one_line_and_the_old_one_stays(tmp_path, monkeypatch, error):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"old")

    def fail(_, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OutputError, match=r"last\.ckpt: cannot be written: (No space|unexpected)") as caught:
        AtomicCheckpointIO().save_checkpoint({}, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("bare")
def test_early_stopping_and_the_plateau_count_validations(folder, monkeypatch):
    constant = SongScore(1.0, (1.0,) * 4)
    monkeypatch.setattr("partita.training.task.score_song", lambda *_, **__: constant)
    overrides = ("optim.steps=100", "run.validate_every=1", "optim.early_stop=4")
    train(folder, "run", *overrides, "optim.schedule=plateau", "optim.patience=1", "optim.factor=0.5")
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["global_step"] == 5  # the first is the best, the same ever after
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-2 / 4)


@pytest.mark.usefixtures("bare")
def test_weights_that_are_no_numbers_are_not_saved(folder, monkeypatch):
    monkeypatch.setattr(Demucs, "check_finite", lambda _: False)
    with pytest.raises(DivergenceError, match=r"weights are not all finite.*then start again"):
        train(folder, "run")
    assert not any((folder / "run" / "checkpoints").glob("*.ckpt"))


@pytest.mark.usefixtures("bare")
def test_a_validation_that_is_no_number_stops_too(folder, monkeypatch):
    monkeypatch.setattr("partita.training.task.score_song", lambda *_, **__: SongScore(np.nan, (1.0,) * 4))
    with pytest.raises(DivergenceError, match="validation loss at step 5"):
        train(folder, "run")
