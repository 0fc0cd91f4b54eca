from __future__ import annotations

import pytest
import torch

from partita.models import build
from partita.training.optimizers import build_optimizer
from tests.training.runs import config


def moved(build_one):
    """Return how far three steps of an optimiser take each parameter, along gradients that are always the same."""
    torch.manual_seed(0)
    model = build("demucs", channels=16, depth=2)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = build_one(model)
    for _ in range(3):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    return {name: parameter.detach() - before[name] for name, parameter in model.named_parameters()}


def own(name, *changes):
    return lambda model: build_optimizer(
        model, config(f"optim.optimizer={name}", "optim.learning_rate=1e-3", *changes).optim
    )


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_optimiser_is_the_one_named(name, kind):
    assert type(own(name)(build("demucs", channels=4, depth=2))) is kind


def test_muon_steps_as_torchs():
    """That takes matrices only, of which the LSTM is made; ours are twenty times the learning rate."""

    def torchs(model):
        matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]
        return torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1, adjust_lr_fn="original")

    found, expected = moved(own("muon", "optim.weight_decay=0.1")), moved(torchs)
    matrices = [name for name, steps in expected.items() if steps.any()]
    assert len(matrices) == 9  # two layers, two directions, weights of input and state; and what follows them
    for name in matrices:
        assert torch.allclose(found[name], expected[name], atol=0.03 * float(expected[name].abs().max())), name


def test_muon_leaves_biases_and_the_layers_at_the_audio_to_adam():
    by_muon, by_adam = moved(own("muon")), moved(own("adam"))
    same = {name for name in by_adam if torch.allclose(by_adam[name], by_muon[name], atol=1e-6)}
    few = {name for name, steps in by_adam.items() if steps.ndim == 1 or min(steps.shape[:2]) < 16}
    assert same == few
    assert 0 < len(few) < len(by_adam)
