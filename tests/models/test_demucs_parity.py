"""Our Demucs against outputs of the published classes (made by ``make_demucs_vectors.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partita.models import build

from .make_demucs_vectors import CASES, mixture, weights

VECTORS = np.load(Path(__file__).with_name("demucs_vectors.npz"))


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{branch} {options}" for branch, options in CASES])
def test_same_weights_same_output(index):
    case = json.loads(str(VECTORS[f"case_{index}"]))
    model = build("demucs", **case["configuration"]).eval()
    model.load_state_dict(weights(model.state_dict()))  # also: the names of all weights are the published ones
    with torch.no_grad():
        found = model.core(mixture(case["samples"])).numpy()
    expected = VECTORS[f"output_{index}"]
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
