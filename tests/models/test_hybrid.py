from __future__ import annotations

import pytest
import torch

from partita.errors import ConfigError
from partita.models.hybrid import HybridConfig, HybridModel

SMALL = {"channels": 8, "n_fft": 64, "depth": 2, "sources": ("voice", "rest")}


def hybrid(**configuration):
    torch.manual_seed(0)
    config = HybridConfig(**{**SMALL, **configuration})
    return HybridModel(config).eval()


@torch.no_grad()
@pytest.mark.parametrize("samples", [64, 160, 161, 175])
def test_the_spectrogram_branch_alone_can_return_the_mixture(samples):
    spectrogram = hybrid().spectrogram
    mixture = torch.randn(2, 2, samples)
    spectrum = spectrogram(mixture)
    assert spectrum.real.shape == (2, 2, 32, -(-samples // 16))
    smooth = torch.cumsum(mixture, -1)  # without much in the highest bin, which is left out
    found = spectrogram.inverse(spectrogram(smooth), samples)
    inside = slice(48, -48) if samples > 128 else slice(0, 0)  # frames beyond the ends are missing
    difference = (found - smooth)[..., inside].abs()
    assert not difference.numel() or difference.max() < 0.05 * smooth.abs().max()


@torch.no_grad()
def test_legacy_padding_lags_by_three_eighths_of_a_frame():
    spectrogram = hybrid(legacy_padding=True).spectrogram
    mixture = torch.randn(1, 1, 800).cumsum(-1)
    found = spectrogram.inverse(spectrogram(mixture), 800)
    late = found[..., 24 + 48 : -48]
    difference = (late - mixture[..., 48 : -48 - 24]).abs()
    assert difference.max() < 0.1 * mixture.abs().max()


@pytest.mark.parametrize(
    "configuration",
    [{}, {"complex_spectrogram": False}, {"legacy_padding": True}, {"n_fft": 256, "depth": 3, "bands": (0.3, 0.6)}],
    ids=str,
)
def test_any_length_comes_back(configuration):
    model = hybrid(**configuration)
    for samples in (1, 500, 1001):
        assert model(torch.randn(1, 2, samples)).shape == (1, 2, 2, samples)


@torch.no_grad()
def test_bands_with_equal_weights_are_one_layer():
    """The bands meet without a seam."""
    whole, banded = hybrid(n_fft=256, depth=3), hybrid(n_fft=256, depth=3, bands=(0.25, 0.5), banded_layers=2)
    for index in (0, 1):
        for layer, bands in (
            (whole.encoder[index], banded.encoder[index]),
            (whole.decoder[2 - index], banded.decoder[2 - index]),
        ):
            for band in bands.layers:
                weights = dict(layer.state_dict())
                if "conv_tr.weight" in weights:  # bands look at no neighbouring frequencies
                    layer.rewrite.weight[:, :, [0, 2]] = 0
                    weights["rewrite.weight"] = layer.rewrite.weight[:, :, 1:2]
                band.load_state_dict(weights)
    x = torch.randn(1, 4, 128, 9)
    torch.testing.assert_close(banded.encoder[0](x), whole.encoder[0](x), rtol=0, atol=1e-5)
    x = torch.randn(1, 8, 32, 9)
    torch.testing.assert_close(banded.decoder[2](x)[0], whole.decoder[2](x)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"kernel_size": 9}, "kernel_size: must be twice an even stride"),
        ({"time_stride": 3}, "time_stride: must be even"),
        ({"bands": (0.5, 0.2)}, "bands: must be ascending"),
        ({"bands": (0.5,), "banded_layers": 9}, "banded_layers: at most 4 "),
        ({"n_fft": 48, "depth": 2}, "n_fft"),
        ({"embedding_scale": 0}, "embedding_scale"),
    ],
)
def test_what_is_invalid_is_named(configuration, message):
    with pytest.raises(ConfigError, match=message):
        HybridConfig(**{**SMALL, **configuration})


def test_a_band_narrower_than_a_kernel_is_named():
    with pytest.raises(ConfigError, match=r"bands: 0\.01 ends a band of less than 8 rows in layer 0"):
        hybrid(n_fft=256, depth=3, bands=(0.01,))
