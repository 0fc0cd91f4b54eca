"""Our Wave-U-Net against the published TensorFlow code (vectors made by ``make_wave_unet_vectors.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partita.models import build

from .make_wave_unet_vectors import CASES, mixture, weights

VECTORS = np.load(Path(__file__).with_name("wave_unet_vectors.npz"))
FULL = json.loads(str(VECTORS["full"]))


@pytest.mark.parametrize("index", range(len(CASES)), ids=[str(list(case.values())) for case in CASES])
def test_same_weights_same_output(index):
    case = json.loads(str(VECTORS[f"case_{index}"]))
    model = build("wave-unet", **case["configuration"]).eval()
    values = weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    with torch.no_grad():
        found = model.core(torch.from_numpy(mixture(model.audio_channels, case["samples"]))).numpy()
    expected = VECTORS[f"output_{index}"]
    assert np.abs(expected[:, :-1]).max() > 0.9
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("full", FULL, ids=["M1", "M5", "M6", "M5 with four sources"])
def test_the_papers_variants_have_their_parameters_and_lengths(full):
    with torch.device("meta"):
        model = build("wave-unet", **full["configuration"])
    assert model.parameter_count() == full["parameters"]
    assert [model.geometry.input_length(16384), model.geometry.output_length(16384)] == full["samples"]
