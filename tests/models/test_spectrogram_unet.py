from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models import build
from tests.models.checks import assert_backends_agree, losses_of_training, two_tones

SMALL = {"n_fft": 256, "hop": 64, "sample_rate": 8000, "bins": 64, "filters": (4, 6, 8), "context": 5}


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"context": 0},
        {"audio_channels": 1, "sources": ("voice",), "ratio_exponent": 0},
        {"elu": True, "extension": "zeros", "filters": (2, 3, 4, 5, 6, 7)},
    ],
    ids=str,
)
def test_the_geometry_holds(configuration):
    model = build("spectrogram-unet", **{**SMALL, **configuration}).eval()
    for samples in (1, 64, 3000):
        x = torch.randn(2, model.audio_channels, model.geometry.input_length(samples))
        length = model.geometry.output_length(samples)
        assert model.core(x).shape == (2, len(model.sources), model.audio_channels, length)
    assert model(torch.randn(1, model.audio_channels, 777)).shape[-1] == 777


def test_without_a_preference_the_mixture_is_shared_equally_and_in_its_place():
    model = build("spectrogram-unet", **SMALL).eval()
    state = model.networks[0].state_dict()
    for network in model.networks:
        network.load_state_dict(state)
    mixture = torch.randn(1, 2, 3000)
    with torch.no_grad():
        stems = model(mixture)
    for index in range(4):
        torch.testing.assert_close(stems[:, index], mixture / 4, rtol=0, atol=1e-5)


@pytest.mark.parametrize("extension", ["average", "zeros"])
def test_the_mask_goes_on_above_the_seen_frequencies(extension):
    model = build("spectrogram-unet", **SMALL, extension=extension).eval()
    high = torch.sin(torch.arange(3000) * 2 * torch.pi * 100 / 256).expand(1, 2, -1)  # the 100th of 129, 64 are seen
    with torch.no_grad():
        total = model(high).sum(1)[..., 500:-500]
    expected = high[..., 500:-500] if extension == "average" else torch.zeros_like(total)
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-3)


def test_without_ratios_the_masks_are_applied_as_they_are():
    model = build("spectrogram-unet", **SMALL, ratio_exponent=0).eval()
    with torch.no_grad():
        for network in model.networks:
            network.mask.weight.zero_()
            network.mask.bias.fill_(np.log(0.3 / 0.7))
        mixture = torch.randn(1, 2, 2000)
        stems = model(mixture)
    torch.testing.assert_close(stems[:, 2], 0.3 * mixture, rtol=0, atol=1e-5)


def test_context_saves_the_middle_from_the_cut():
    torch.manual_seed(0)
    signal = torch.randn(1, 2, 300 * 64)

    def difference(context):
        torch.manual_seed(1)
        model = build("spectrogram-unet", **{**SMALL, "context": context}).eval()
        geometry = model.geometry
        length = geometry.input_length(40 * 64)
        start = 10 * geometry.multiple
        with torch.no_grad():
            whole = model.core(signal[..., : geometry.input_length(220 * 64)])
            part = model.core(signal[..., start : start + length])
        return (part - whole[..., start : start + part.shape[-1]]).abs().max()

    assert difference(32) < 1e-5  # beyond the reach of three levels
    assert difference(0) > 1e-3


def test_loss_compares_masked_magnitudes_of_all_frames():
    model = build("spectrogram-unet", **SMALL).eval()
    stems = torch.randn(2, 4, 2, model.geometry.input_length(1000))
    window = torch.hann_window(256)

    def magnitude(x):
        x = torch.stft(x.flatten(0, -2), 256, 64, window=window, center=False, normalized=True, return_complex=True)
        return x.abs().transpose(1, 2)[..., :64]

    mixture = magnitude(stems.sum(1)).unflatten(0, (2, 2))
    estimates = torch.stack([network(mixture) * mixture for network in model.networks], 1)
    expected = F.l1_loss(estimates, magnitude(stems).unflatten(0, (2, 4, 2)))
    torch.testing.assert_close(model.loss(stems.sum(1), stems, F.l1_loss), expected)


def test_it_learns():
    torch.manual_seed(0)
    model = build("spectrogram-unet", **SMALL, sources=("low", "high"), dropout=0.1)
    stems = two_tones(model, low=440, high=1500)
    losses = losses_of_training(model, lambda: model.loss(stems.sum(1), stems, F.l1_loss), steps=80, learning_rate=3e-3)
    assert losses[-1] < 0.3 * losses[0]
    for parameter in model.parameters():
        assert parameter.grad is not None


def test_a_package_separates_on_both_backends(tmp_path):
    torch.manual_seed(0)
    model = build("spectrogram-unet", filters=(2, 4, 4, 6, 6, 8))
    package = assert_backends_agree(model, tmp_path / "tiny", segment=2.0)
    assert package.graph.stat().st_size < 500_000  # neither the transform's matrices nor weights are in it


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"bins": 1000}, "bins: must be a multiple of 64"),
        ({"bins": 2112}, "bins"),
        ({"filters": (16,)}, "filters"),
        ({"filters": (16, 0)}, "filters"),
        ({"dropout": 1.0}, "dropout"),
        ({"ratio_exponent": -1.0}, "ratio_exponent"),
        ({"sources": ("voice",)}, "ratio_exponent"),
        ({"sources": ("voice", "voice")}, "sources"),
        ({"context": -1}, "context"),
        ({"extension": "averag"}, "did you mean 'average'"),
        ({"hop": 1000}, "hop"),
        ({"channels": 7}, "audio_channels"),
    ],
)
def test_nonsense_is_named(configuration, field):
    with pytest.raises(ConfigError, match=field):
        build("spectrogram-unet", **configuration)
