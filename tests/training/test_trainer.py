from __future__ import annotations

import pytest
import torch

from partita.errors import ConfigError
from partita.training.loaders import Schedule
from partita.training.trainer import build_trainer
from tests.training.runs import config


def trainer(tmp_path, *overrides, validate=True):
    return build_trainer(config(*overrides), tmp_path, Schedule(7, 3, None), [], validate=validate)


def test_an_epoch_is_a_round_between_validations(tmp_path):
    found = trainer(tmp_path, "optim.accumulate=2", "augment.remix_group=2", "optim.gradient_clip=0.5")
    assert (found.max_steps, found.limit_train_batches, found.accumulate_grad_batches) == (7, 6, 2)
    assert found.gradient_clip_val == 0.5
    assert found.limit_val_batches != 0
    assert trainer(tmp_path, validate=False).limit_val_batches == 0


@pytest.mark.parametrize("field", ["trainer.accelerator=abacus", "trainer.strategy=abacus", "trainer.devices=0"])
def test_a_device_that_is_not_there_is_named(tmp_path, field):
    with pytest.raises(ConfigError, match=r"^\[trainer\]: \S+"):
        trainer(tmp_path, field)


@pytest.mark.parametrize(
    ("wanted", "accelerator", "found"),
    [("32", "cpu", "32-true"), ("auto", "cpu", "32-true"), ("bf16-mixed", "cpu", "bf16-mixed")],
)
def test_precision(tmp_path, wanted, accelerator, found):
    assert trainer(tmp_path, f"trainer.precision='{wanted}'", f"trainer.accelerator={accelerator}").precision == found


def test_precision_is_mixed_on_a_gpu(monkeypatch):
    from partita.training.trainer import _precision

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert _precision("auto", "auto") == "bf16-mixed"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert _precision("auto", "auto") == "16-mixed"
    assert _precision("auto", "cpu") == "32-true"
