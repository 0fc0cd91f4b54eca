"""Our spectrogram U-Net against Spleeter's outputs (made by ``make_spectrogram_unet_vectors.py``)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partita.models import build

from .make_spectrogram_unet_vectors import BINS, CASES, FILTERS, HOP, N_FFT, SOURCES, waveform, weights

VECTORS = np.load(Path(__file__).with_name("spectrogram_unet_vectors.npz"))
TO_PUBLISHED = (2, 3, 1, 0)  # (out, in, height, width) -> (height, width, in, out); the transposed ones alike


def published_model(index):
    """Return our model with the published one's weights, in the order of its layers."""
    model = build(
        "spectrogram-unet", sources=SOURCES, n_fft=N_FFT, hop=HOP, bins=BINS, filters=FILTERS, context=0, **CASES[index]
    ).eval()
    places = []
    for network in model.networks:
        layers = [*zip(network.encoder, (*network.encoder_norms, None), strict=True)]
        layers += [*zip(network.decoder, network.decoder_norms, strict=True), (network.mask, None)]
        for convolution, norm in layers:
            places += [convolution.weight, convolution.bias]
            if norm is not None:
                places += [norm.weight, norm.bias, norm.running_mean, norm.running_var]
    shapes = [tuple(place.permute(TO_PUBLISHED).shape) if place.ndim == 4 else tuple(place.shape) for place in places]
    shifted = {
        id(part) for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)
        for part in (module.weight, module.running_var)
    }  # fmt: skip
    with torch.no_grad():
        for place, value in zip(places, weights(shapes), strict=True):
            made = torch.from_numpy(value)
            place.copy_(made.permute(3, 2, 0, 1) if made.ndim == 4 else made + (id(place) in shifted))
    return model


def padded():
    """Return the input with a frame of silence before it, as published, and the last frames filled up."""
    return F.pad(torch.from_numpy(waveform())[None], (N_FFT, N_FFT - HOP))


def test_parameters_are_as_many():
    with torch.device("meta"):
        model = build("spectrogram-unet")
    assert model.parameter_count() == 4 * int(VECTORS["parameters"])


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_a_network_gives_the_same_magnitudes(index):
    model = published_model(index)
    with torch.no_grad():
        magnitude = model.stft(padded()).magnitude()[..., :BINS]
        found = (model.networks[0](magnitude) * magnitude)[0].numpy()
    expected = VECTORS[f"network_{index}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("index", range(len(CASES)), ids=map(str, CASES))
def test_a_whole_separation_gives_the_same_samples(index):
    model = published_model(index)
    with torch.no_grad():
        for network in model.networks:  # ours scales the magnitudes
            network.encoder[0].weight *= math.sqrt(N_FFT)
        found = model.core(padded())[0].numpy()
    expected = VECTORS[f"stems_{index}"]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found[..., HOP:], expected, rtol=0, atol=1e-5)
