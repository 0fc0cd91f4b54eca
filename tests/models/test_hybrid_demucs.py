from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from partita.models import build

from .checks import assert_backends_agree, losses_of_training

SMALL = {
    "channels": 8,
    "n_fft": 64,
    "depth": 3,
    "norm_starts": 1,
    "lstm_starts": 1,
    "attention_starts": 1,
    "branch_scale": 0.3,
    "sources": ("voice", "rest"),
}


def test_the_defaults_are_the_published_model():
    with torch.device("meta"):
        model = build("hybrid-demucs", rescale=0)
    assert round(model.parameter_count() / 1e6, 1) == 83.6
    assert len(model.tencoder) == 5
    assert [layer.bare for layer in model.tencoder] == [False] * 4 + [True]
    assert model.geometry.input_length(44 * 44100) == 44 * 44100


def test_every_weight_is_trained():
    torch.manual_seed(0)
    model = build("hybrid-demucs", **SMALL)
    stems = 0.3 * torch.randn(2, 2, 2, 700)
    losses = losses_of_training(model, lambda: model.loss(stems.sum(1), stems, F.l1_loss), steps=10, learning_rate=3e-3)
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize(
    "configuration", [{}, {"legacy_padding": True, "complex_spectrogram": False, "branches": "both"}], ids=str
)
def test_backends_agree(tmp_path, configuration):
    torch.manual_seed(0)
    model = build("hybrid-demucs", sample_rate=4000, **SMALL, **configuration).eval()
    assert_backends_agree(model, tmp_path / "tiny", segment=1.0)
