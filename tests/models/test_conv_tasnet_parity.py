"""Our Conv-TasNet against the published class (vectors made by ``make_conv_tasnet_vectors.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partita.models import build

from .make_conv_tasnet_vectors import CASES, mixture, weights

VECTORS = np.load(Path(__file__).with_name("conv_tasnet_vectors.npz"))


def shape_there(name, value):
    """The shape of a parameter in the published class, whose decoder is a linear layer."""
    return (value[0].numel(), len(value)) if name == "decoder.weight" else tuple(value.shape)


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_same_weights_same_output(index):
    case = json.loads(str(VECTORS[f"case_{index}"]))
    model = build("conv-tasnet", **case["configuration"]).eval()
    parameters = dict(model.named_parameters())
    values = weights([shape_there(*item) for item in parameters.items()])
    with torch.no_grad():
        for (name, parameter), value in zip(parameters.items(), values, strict=True):
            parameter.copy_((value.T if name == "decoder.weight" else value).reshape(parameter.shape))
        found = model.core(mixture(model.audio_channels, case["samples"])).numpy()
    expected = VECTORS[f"output_{index}"]
    scale = np.abs(expected).max()
    assert scale > 0.01
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("blocks", "millions"), [(8, 8.85), (10, 10.98)])
def test_parameter_counts_are_those_of_the_paper(blocks, millions):
    with torch.device("meta"):
        model = build("conv-tasnet", blocks=blocks)
    assert model.parameter_count() == VECTORS[f"parameters_{blocks}"]
    assert round(model.parameter_count() / 1e6, 2) == millions


def test_weights_are_drawn_as_published():
    torch.manual_seed(0)
    model = build("conv-tasnet")
    found = [value.detach().std().item() for value in model.parameters() if value.numel() > 1]
    # the least tensors hold 256 values: five deviations of an estimated deviation are 22 %
    np.testing.assert_allclose(found, VECTORS["deviations"], rtol=0.3)
