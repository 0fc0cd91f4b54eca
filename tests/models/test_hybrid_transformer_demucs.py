from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models import build

from .checks import assert_backends_agree, losses_of_training

SMALL = {
    "channels": 8,
    "n_fft": 256,
    "depth": 2,
    "branch_scale": 0.3,
    "transformer_channels": 24,
    "transformer_heads": 2,
    "transformer_layers": 3,
    "transformer_scale": 0.3,
    "segment": 0.25,
    "sample_rate": 4000,
    "sources": ("voice", "rest"),
}


def small(**configuration):
    torch.manual_seed(0)
    return build("hybrid-transformer-demucs", **{**SMALL, **configuration})


def test_the_defaults_are_the_published_model():
    with torch.device("meta"):
        model = build("hybrid-transformer-demucs", rescale=0)
    assert round(model.parameter_count() / 1e6, 1) == 42.0
    assert model.geometry.input_length(1) == 343980  # 7.8 seconds


def test_a_short_input_is_extended_to_the_training_length():
    model = small().eval()
    mixture = torch.randn(1, 2, 600)
    with torch.no_grad():
        torch.testing.assert_close(model(mixture), model.core(F.pad(mixture, (0, 400)))[..., :600])
        assert model(torch.randn(1, 2, 1500)).shape == (1, 2, 2, 1500)


@torch.no_grad()
@pytest.mark.parametrize("index", [0, 1])
def test_attention_is_that_of_torch(index):
    attention = small().eval().crosstransformer.layers[index].attention
    nn.init.uniform_(attention.in_proj_bias, -1, 1)
    published = nn.MultiheadAttention(24, 2, batch_first=True)
    published.load_state_dict(attention.state_dict())
    x, other = torch.randn(2, 7, 24), torch.randn(2, 5, 24)
    torch.testing.assert_close(attention(x, other), published(x, other, other)[0], rtol=0, atol=1e-6)


@torch.no_grad()
def test_tokens_know_their_place():
    """Swapping two frames changes more than the order of the output."""
    transformer = small().eval().crosstransformer
    x, wave = torch.randn(1, 24, 2, 6), torch.randn(1, 24, 1, 9)
    swapped = transformer(x[..., [1, 0, 2, 3, 4, 5]], wave)[0][..., [1, 0, 2, 3, 4, 5]]
    assert (swapped - transformer(x, wave)[0]).abs().max() > 1e-2


@torch.no_grad()
def test_positional_embeddings_are_waves_of_growing_period():
    position = small(transformer_channels=8, max_period=100.0).crosstransformer.position
    steps, frames = position.of_steps(5), position.of_grid(5, 3)
    assert steps.shape == (5, 8)
    assert frames.shape == (5, 3, 8)
    for step in range(5):
        expected = [math.cos(step / 100 ** (k / 3)) for k in range(4)]
        torch.testing.assert_close(steps[step, :4], torch.tensor(expected))
        for row in range(3):
            for k in range(2):
                factor = 100 ** (-2 * k / 4)
                assert frames[step, row, 2 * k].item() == pytest.approx(math.sin(step * factor), abs=1e-6)
                assert frames[step, row, 4 + 2 * k + 1].item() == pytest.approx(math.cos(row * factor), abs=1e-6)


def test_every_weight_is_trained():
    model = small(dropout=0.0)
    stems = 0.3 * torch.randn(2, 2, 2, 1000)
    losses = losses_of_training(model, lambda: model.loss(stems.sum(1), stems, F.l1_loss), steps=10, learning_rate=3e-3)
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_backends_agree(tmp_path):
    assert_backends_agree(small().eval(), tmp_path / "tiny", segment=1.0)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"transformer_heads": 5}, "transformer_channels: 24 channels do not divide into 5 heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"segment": 0.0}, "segment"),
        ({"n_fft": 64}, "depth: 2 layers leave no frequencies"),
        ({"transformer_layers": 0}, "transformer_layers: must be at least 1"),
    ],
)
def test_what_is_invalid_is_named(configuration, message):
    with pytest.raises(ConfigError, match=message):
        small(**configuration)
