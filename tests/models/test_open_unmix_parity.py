"""Our Open-Unmix against outputs of the published classes (made by ``make_open_unmix_vectors.py``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partita.models import build

from .make_open_unmix_vectors import CASES, HEARD_BINS, SMALL, SOURCES, mixture, weights

VECTORS = np.load(Path(__file__).with_name("open_unmix_vectors.npz"))


def published_model(index):
    """Return our model with the published one's weights, by the published names."""
    model = build("open-unmix", **SMALL, **CASES[index]).eval()
    state = model.state_dict()
    names = {name: f"{SOURCES[int(name.split('.')[1])]}.{name.split('.', 2)[2]}" for name in state}
    made = weights({names[name]: tuple(value.shape) for name, value in state.items() if value.is_floating_point()})
    model.load_state_dict({name: made.get(names[name], value) for name, value in state.items()})
    return model


def test_parameters_are_as_many():
    with torch.device("meta"):
        model = build("open-unmix")
    assert model.parameter_count() == 4 * int(VECTORS["parameters"])
    assert model.config.heard_bins == 1487


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_a_network_gives_the_same_magnitudes(index):
    model = published_model(index)
    assert model.config.heard_bins == HEARD_BINS
    with torch.no_grad():
        padded = F.pad(mixture(model.audio_channels), (128, 128), mode="reflect")
        magnitude = model.stft(padded).magnitude()
        found = (model.networks[1](magnitude) * magnitude)[1, 0].T.numpy()
    expected = VECTORS[f"network_{index}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_a_whole_separation_gives_the_same_samples(index):
    model = published_model(index)
    with torch.no_grad():  # the published one pads by half a frame; ours gives only what all frames agree on
        found = model.core(F.pad(mixture(model.audio_channels), (128, 128), mode="reflect"))[1].numpy()
    expected = VECTORS[f"stems_{index}"][..., 64:-64]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
