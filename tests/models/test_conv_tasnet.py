from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models import build
from partita.separation import Separator
from partita.separation.backends import OnnxBackend
from partita.zoo.export import export_package
from tests.models.checks import losses_of_training

SMALL = {"filters": 12, "bottleneck": 8, "hidden": 10, "blocks": 3, "stacks": 2}
CONFIGURATIONS = [
    {},
    {"filter_size": 16, "audio_channels": 1, "sources": ("voice", "rest")},
    {"filter_size": 2, "kernel_size": 1},
    {"kernel_size": 5},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_the_geometry_holds_for_every_choice(configuration):
    model = build("conv-tasnet", **SMALL, **configuration)
    for samples in (1, 20, 1000, 5003):
        x = torch.randn(1, model.audio_channels, model.geometry.input_length(samples))
        assert model.core(x).shape == (
            1, len(model.sources), model.audio_channels, model.geometry.output_length(samples),
        )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 3000), channels=st.integers(1, 2))
def test_any_length_comes_back(samples, channels):
    model = build("conv-tasnet", **SMALL, audio_channels=channels)
    assert model(torch.randn(2, channels, samples)).shape == (2, 4, channels, samples)


def test_the_edge_is_where_only_one_filter_sounds():
    model = build("conv-tasnet", **SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.zeros_like(parameter))
        # the first filter passes any sample of its length, its mask is one everywhere
        model.encoder.weight[0] = 1
        model.decoder.weight[0] = 1
        model.norm.bias[:] = 1
        model.bottleneck.weight[0, 0] = 1
        model.mask.weight[0, 0] = 1
        stems = model.core(torch.ones(1, 2, 200))[0, 0, 0]
    edge = model.geometry.edge
    assert set(stems[edge:-edge].tolist()) == {80.0}  # two filters, each the sum of 20 samples on two channels
    assert set(stems[:edge].tolist()) == set(stems[-edge:].tolist()) == {40.0}


def test_a_window_is_normalised_by_itself_alone():
    torch.manual_seed(0)
    model = build("conv-tasnet", **SMALL).eval()
    loud, quiet = torch.randn(2, 1, 2, 4000) * torch.tensor([10.0, 0.1])[:, None, None, None]
    with torch.no_grad():
        together = model.core(torch.cat([loud, quiet]))
        for index, alone in enumerate((loud, quiet)):
            expected = model.core(alone)[0]
            torch.testing.assert_close(together[index], expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_a_sample_is_judged_by_the_whole_window():
    """So the class says of its global normalisation: far beyond the reach of the convolutions."""
    torch.manual_seed(0)
    model = build("conv-tasnet", **SMALL).eval()
    signal = torch.randn(1, 2, 4000)
    fading = signal.clone()
    fading[..., 3000:] = 0
    with torch.no_grad():
        beginning, other = model.core(signal)[..., :1000], model.core(fading)[..., :1000]
    assert (beginning - other).abs().max() > 0.01 * beginning.abs().max()


def test_silence_stays_silent():
    model = build("conv-tasnet", **SMALL)
    assert not model(torch.zeros(1, 2, 3000)).any()


def test_every_weight_is_trained():
    torch.manual_seed(0)
    model = build("conv-tasnet", **SMALL)
    mixture = torch.randn(2, 2, model.geometry.input_length(1000))
    target = mixture[:, None] * torch.rand(1, 4, 1, 1)
    losses = losses_of_training(model, lambda: F.l1_loss(model.core(mixture), target), steps=30, learning_rate=1e-2)
    assert losses[-1] < 0.9 * losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("configuration", [{}, {"filter_size": 16}], ids=str)
def test_an_exported_model_separates_a_track(tmp_path, noise, configuration):
    torch.manual_seed(1)
    model = build("conv-tasnet", **SMALL, **configuration, sample_rate=8000).eval()
    package = export_package(
        model, tmp_path / "tiny", half=False, name="tiny", description="untrained", licence="CC0-1.0", segment=0.5
    )
    track = noise[:, :19000]  # five hops of windows and no silence after them
    mono = track.mean(0, dtype=np.float64)
    with torch.no_grad():
        whole = model(torch.from_numpy(((track - mono.mean()) / mono.std()).astype(np.float32))[None])[0].numpy()
    whole *= mono.std()
    scale = np.abs(whole).max()
    for backend in ("onnx", "torch"):
        # one window hears what the module does; shorter ones of noise have nearly its statistics
        one, many = (
            np.stack(list(Separator(package, backend=backend, device="cpu", segment=segment).separate(track).values()))
            for segment in (10.0, None)
        )
        np.testing.assert_allclose(one, whole, rtol=0, atol=1e-5 * scale)
        assert 0 < (many - whole).std() < 0.1 * whole.std()


def test_the_graph_stays_exact_in_long_windows(tmp_path):
    """Ten million values behind one mean: where a plain sum in float32 is off by 1e-4 and more."""
    torch.manual_seed(0)
    model = build("conv-tasnet", **{**SMALL, "hidden": 128, "blocks": 1, "filter_size": 4}, sample_rate=8000).eval()
    for block in model.blocks:
        for norm in (block.layers[2], block.layers[5]):
            torch.nn.init.ones_(norm.weight)
    package = export_package(
        model, tmp_path / "tiny", half=False, name="tiny", description="untrained", licence="CC0-1.0", segment=1.0
    )
    mixture = torch.randn(1, 2, model.geometry.input_length(160_000))
    with torch.no_grad():
        expected = model.core(mixture).numpy()
    found = OnnxBackend(package, "cpu").run(mixture.numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"blocks": 0}, "blocks"),
        ({"filter_size": 15}, "filter_size"),
        ({"kernel_size": 2}, "kernel_size"),
        ({"sources": ()}, "sources"),
        ({"stack": 2}, "did you mean 'stacks'"),
    ],
)
def test_nonsense_is_named(configuration, field):
    with pytest.raises(ConfigError, match=field):
        build("conv-tasnet", **configuration)
