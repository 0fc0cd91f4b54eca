from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from partita.models import build


def test_loss_compares_what_lies_in_the_middle():
    model = build("demucs", channels=2, depth=2, lstm_layers=0)
    stems = torch.randn(2, 4, 2, model.geometry.input_length(500))
    mixture = stems.sum(1)
    left, right = model.geometry.left_context, model.geometry.right_context
    expected = F.mse_loss(model.core(mixture), stems[..., left:-right])
    torch.testing.assert_close(model.loss(mixture, stems, F.mse_loss), expected)


def test_loss_can_be_trained():
    model = build("demucs", channels=2, depth=2)
    stems = torch.randn(1, 4, 2, model.geometry.input_length(500))
    model.loss(stems.sum(1), stems, F.l1_loss).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_model_without_statistics_asks_for_no_data():
    def data():
        pytest.fail("was read")
        yield

    build("demucs", channels=2, depth=2).calibrate(data())
