from __future__ import annotations

import pytest
import torch
from torch import nn

from partita.models.recurrence import BidirectionalLSTM


def results(lstm, x, forward):
    """Return output and all gradients."""
    x = x.detach().requires_grad_()
    y = forward(x)
    weighting = torch.linspace(-1, 2, y.numel()).reshape(y.shape)
    return [y, *torch.autograd.grad((y * weighting).sum(), [x, *lstm.parameters()])]


@pytest.mark.parametrize(("steps", "batch", "channels", "layers"), [(1, 1, 8, 1), (20, 3, 32, 2), (7, 2, 5, 3)])
def test_the_steps_taken_by_hand_are_those_of_torch(monkeypatch, steps, batch, channels, layers):
    """In float32, for which autocast would hand over to torch."""
    torch.manual_seed(0)
    lstm = BidirectionalLSTM(channels, layers)
    x = torch.randn(steps, batch, channels)
    expected = results(lstm, x, lambda x: nn.LSTM.forward(lstm, x)[0])
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _: True)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda _: torch.float32)
    for found, wanted in zip(results(lstm, x, lstm), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_mixed_precision_differs_by_rounding():
    torch.manual_seed(0)
    lstm = BidirectionalLSTM(64, 2)
    x = torch.randn(50, 4, 64)
    expected = results(lstm, x, lstm)
    with torch.autocast("cpu", torch.bfloat16):
        found = results(lstm, x, lstm)
        with torch.no_grad():
            assert torch.equal(lstm(x), found[0])  # as in validation
    assert found[0].dtype == torch.bfloat16
    for mixed, full in zip(found, expected, strict=True):
        assert (mixed.float() - full).norm() < 0.02 * full.norm()


def test_full_precision_is_left_to_torch():
    lstm = BidirectionalLSTM(8, 2)
    x = torch.randn(5, 2, 8)
    assert torch.equal(lstm(x), nn.LSTM.forward(lstm, x)[0])
