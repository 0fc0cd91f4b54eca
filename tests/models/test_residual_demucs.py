from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models import build

from .checks import assert_backends_agree, losses_of_training

SMALL = {
    "channels": 8,
    "depth": 3,
    "norm_starts": 1,
    "lstm_starts": 1,
    "attention_starts": 1,
    "branch_scale": 0.3,
    "sources": ("voice", "rest"),
}


def test_the_defaults_are_the_published_model():
    with torch.device("meta"):
        model = build("residual-demucs", rescale=0)
    assert round(model.parameter_count() / 1e6, 1) == 133.8
    assert model.geometry.shortest_input == 4778


@pytest.mark.parametrize("configuration", [{}, {"resample": False}, {"normalise": False}], ids=str)
def test_any_length_comes_back(configuration):
    model = build("residual-demucs", **SMALL, **configuration)
    for samples in (1, 500, 1001):
        assert model(torch.randn(1, 2, samples)).shape == (1, 2, 2, samples)


@torch.no_grad()
def test_the_level_of_the_input_does_not_matter():
    torch.manual_seed(0)
    model = build("residual-demucs", **SMALL).eval()
    mixture = torch.randn(1, 2, 1000)
    torch.testing.assert_close(model(100 * mixture + 7), 100 * model(mixture) + 7, rtol=0, atol=1e-2)


def test_every_weight_is_trained():
    torch.manual_seed(0)
    model = build("residual-demucs", **SMALL)
    stems = 0.3 * torch.randn(2, 2, 2, 700)
    losses = losses_of_training(model, lambda: model.loss(stems.sum(1), stems, F.l1_loss), steps=10, learning_rate=3e-3)
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_backends_agree(tmp_path):
    torch.manual_seed(0)
    model = build("residual-demucs", sample_rate=4000, **SMALL).eval()
    assert_backends_agree(model, tmp_path / "tiny", segment=1.0)


def test_what_cannot_be_resampled_is_named():
    with pytest.raises(ConfigError, match="resample: needs an even stride and kernel_size"):
        build("residual-demucs", stride=3, kernel_size=8)
