from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models import build
from tests.models.checks import assert_backends_agree, losses_of_training, two_tones

SMALL = {"n_fft": 256, "hop": 64, "sample_rate": 8000, "bandwidth": 3000.0, "hidden": 12, "layers": 2}


@pytest.mark.parametrize(
    "configuration", [{}, {"audio_channels": 1, "sources": ("voice", "rest")}, {"wiener_iterations": 0}], ids=str
)
def test_the_geometry_holds(configuration):
    model = build("open-unmix", **{**SMALL, **configuration}).eval()
    for samples in (1, 64, 1000):
        x = torch.randn(2, model.audio_channels, model.geometry.input_length(samples))
        length = model.geometry.output_length(samples)
        assert model.core(x).shape == (2, len(model.sources), model.audio_channels, length)
    assert model(torch.randn(1, model.audio_channels, 777)).shape[-1] == 777


@pytest.mark.parametrize("iterations", [0, 1])
def test_ideal_masks_give_the_mixture_in_its_place(iterations):
    model = build("open-unmix", **SMALL, sources=("a", "b"), wiener_iterations=iterations).eval()
    with torch.no_grad():
        for network in model.networks:  # a constant mask of a half
            network.bn3.weight.zero_()
            network.output_mean.fill_(0.5)
        mixture = torch.randn(1, 2, 2000)
        stems = model(mixture)
    torch.testing.assert_close(stems[:, 0], mixture / 2, rtol=0, atol=1e-4)
    torch.testing.assert_close(stems[:, 1], mixture / 2, rtol=0, atol=1e-4)


def test_loss_compares_masked_magnitudes():
    model = build("open-unmix", **SMALL).eval()
    stems = torch.randn(2, 4, 2, model.geometry.input_length(1000))
    window = torch.hann_window(256)

    def magnitude(x):
        x = torch.stft(x.flatten(0, -2), 256, 64, window=window, center=False, return_complex=True)
        return x.abs().transpose(1, 2)

    mixture = magnitude(stems.sum(1)).unflatten(0, (2, 2))
    estimates = torch.stack([network(mixture) * mixture for network in model.networks], 1)
    expected = F.mse_loss(estimates, magnitude(stems).unflatten(0, (2, 4, 2)))
    torch.testing.assert_close(model.loss(stems.sum(1), stems, F.mse_loss), expected)


def test_it_learns():
    torch.manual_seed(0)
    model = build("open-unmix", **SMALL, sources=("low", "high"))
    stems = two_tones(model, low=440, high=2200)
    model.calibrate([stems.sum(1)])
    losses = losses_of_training(
        model, lambda: model.loss(stems.sum(1), stems, F.mse_loss), steps=60, learning_rate=3e-3
    )
    assert losses[-1] < 0.4 * losses[0]
    for parameter in model.parameters():
        assert parameter.grad is not None


def test_calibration_makes_inputs_of_mean_0_and_deviation_1():
    model = build("open-unmix", **SMALL)
    torch.manual_seed(0)
    mixtures = [torch.randn(2, 2, 3000) * level for level in (0.1, 1.0, 3.0)]
    model.calibrate(mixtures)
    window = torch.hann_window(256)
    frames = torch.cat(
        [
            torch.stft(x.flatten(0, 1), 256, 64, window=window, center=False, return_complex=True)
            .abs().unflatten(0, (2, 2)).mean(1).transpose(1, 2).flatten(0, 1)
            for x in mixtures
        ]
    )  # fmt: skip
    for network in model.networks:
        heard = (frames[:, : network.input_mean.numel()] + network.input_mean) * network.input_scale
        torch.testing.assert_close(heard.mean(0), torch.zeros(97), rtol=0, atol=1e-4)
        torch.testing.assert_close(heard.std(0, correction=0), torch.ones(97), rtol=0, atol=1e-4)


def test_frequencies_that_are_always_silent_are_not_blown_up():
    model = build("open-unmix", **SMALL)
    model.calibrate([torch.sin(torch.arange(8000) * 2 * torch.pi * 0.1) * torch.linspace(0, 1, 8000).expand(1, 2, -1)])
    scale = model.networks[0].input_scale
    assert scale.max() <= 1.01e4 * scale.min()


@pytest.mark.parametrize("mixtures", [[], [torch.zeros(1, 2, 1000)]])
def test_calibration_wants_sound(mixtures):
    with pytest.raises(ConfigError, match="examples are silent"):
        build("open-unmix", **SMALL).calibrate(mixtures)


def test_a_package_separates_on_both_backends(tmp_path):
    torch.manual_seed(0)
    model = build("open-unmix", hidden=16, layers=2, wiener_frames=40)
    package = assert_backends_agree(model, tmp_path / "tiny", segment=1.0)
    assert package.graph.stat().st_size < 500_000  # the transform's matrices are not in it


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"hidden": 7}, "hidden"),
        ({"layers": 0}, "layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"wiener_iterations": -1}, "wiener_iterations"),
        ({"sources": ("voice",)}, "wiener_iterations"),
        ({"wiener_frames": 0}, "wiener_frames"),
        ({"sources": ()}, "sources"),
        ({"hop": 1000}, "hop"),
        ({"n_fft": 10, "hop": 2}, "n_fft"),
        ({"hiden": 7}, "did you mean 'hidden'"),
    ],
)
def test_nonsense_is_named(configuration, field):
    with pytest.raises(ConfigError, match=field):
        build("open-unmix", **configuration)
