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
from partita.zoo.export import export_package
from tests.models.checks import losses_of_training

SMALL = {"levels": 4, "filters": 3}
M6 = {"sample_rate": 22050, "upsampling": "linear", "activation": "tanh"}
PADDED = {"context": False}
CONFIGURATIONS = [
    {},
    M6,
    {"difference": False, "audio_channels": 1},
    {"kernel_size": 5, "up_kernel_size": 1},
    {"kernel_size": 1, "up_kernel_size": 1, "levels": 2},
    {"kernel_size": 3, "up_kernel_size": 9, "output_kernel_size": 5},
    PADDED,
    {**PADDED, "upsampling": "linear"},
    {**PADDED, "kernel_size": 1, "up_kernel_size": 9, "output_kernel_size": 5, "difference": False},
    {**PADDED, "kernel_size": 1, "up_kernel_size": 1},
    {**PADDED, "sources": ("voice", "rest")},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_the_geometry_holds_for_every_choice(configuration):
    model = build("wave-unet", **{**SMALL, **configuration})
    for samples in (1, 2, 1000, 5000):
        x = torch.randn(1, model.audio_channels, model.geometry.input_length(samples))
        assert model.core(x).shape == (
            1, len(model.sources), model.audio_channels, model.geometry.output_length(samples),
        )  # fmt: skip


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_no_shorter_input_would_do(configuration):
    model = build("wave-unet", **{**SMALL, **configuration})
    geometry = model.geometry
    assert geometry.shortest_output <= geometry.multiple
    with pytest.raises(RuntimeError):
        model.core(torch.randn(1, model.audio_channels, geometry.shortest_input - geometry.multiple))


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 3000), channels=st.integers(1, 2), context=st.booleans(), levels=st.integers(1, 5))
def test_any_length_comes_back(samples, channels, context, levels):
    model = build("wave-unet", levels=levels, filters=2, audio_channels=channels, context=context)
    assert model(torch.randn(2, channels, samples)).shape == (2, 4, channels, samples)


def separated_part(model, start, length):
    """The same output samples of a part and of the whole signal."""
    geometry = model.geometry
    signal = torch.randn(1, model.audio_channels, geometry.input_length(6000))
    start *= geometry.multiple
    with torch.no_grad():
        part = model.core(signal[..., start : start + geometry.input_length(length)])
        return part, model.core(signal)[..., start : start + part.shape[-1]]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_convolutions_do_not_see_where_a_signal_is_cut(configuration):
    torch.manual_seed(0)
    model = build("wave-unet", **{**SMALL, **configuration}).eval()
    part, whole = separated_part(model, start=40, length=3000)
    inside = slice(model.geometry.edge, part.shape[-1] - model.geometry.edge)
    torch.testing.assert_close(part[..., inside], whole[..., inside], rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "configuration",
    [{**configuration, "difference": False} for configuration in CONFIGURATIONS if "context" in configuration],
    ids=str,
)
def test_the_edge_is_no_longer_than_what_padding_reaches(configuration):
    torch.manual_seed(0)
    model = build("wave-unet", **{**SMALL, **configuration}).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 + torch.rand_like(parameter))  # nothing cancels
        torch.set_default_dtype(torch.float64)
        try:
            part, whole = separated_part(model, start=40, length=3000)
        finally:
            torch.set_default_dtype(torch.float32)
    differs = (part - whole)[0, 0, 0].abs() > 1e-12 * whole.abs().max()
    edge = model.geometry.edge
    assert differs[edge - 1] or differs[-edge]
    assert not differs[edge:-edge].any()


@pytest.mark.parametrize("context", [True, False])
def test_forward_hears_silence_around_its_input(context):
    model = build("wave-unet", **SMALL, context=context).eval()
    signal = torch.randn(1, 2, 5000)
    room = 3 * model.geometry.multiple
    with torch.no_grad():
        alone = model(signal)
        surrounded = model(F.pad(signal, (room, room)))[..., room:-room]
    torch.testing.assert_close(alone, surrounded, rtol=0, atol=2e-6)


@pytest.mark.parametrize("context", [True, False])
def test_the_last_stem_is_what_the_others_leave(context):
    model = build("wave-unet", **SMALL, context=context, output_kernel_size=3)
    mixture = torch.randn(2, 2, 4000)
    torch.testing.assert_close(model(mixture).sum(1), mixture, rtol=0, atol=1e-5)


def test_tanh_bounds_the_stems_and_linear_does_not():
    loud = 100 * torch.randn(1, 2, 2000)
    for activation, bounded in (("tanh", True), ("linear", False)):
        model = build("wave-unet", **SMALL, difference=False, activation=activation)
        assert bool(model(loud).abs().max() <= 1) is bounded


@pytest.mark.parametrize("configuration", [{}, M6, PADDED], ids=str)
def test_every_weight_is_trained(configuration):
    torch.manual_seed(0)
    model = build("wave-unet", **SMALL, **configuration)
    mixture = 0.3 * torch.randn(2, 2, model.geometry.input_length(1000))
    target = 0.3 * torch.randn_like(model.core(mixture))
    losses = losses_of_training(model, lambda: F.mse_loss(model.core(mixture), target), steps=20, learning_rate=3e-3)
    assert losses[-1] < 0.9 * losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("configuration", [{}, {"upsampling": "linear", "activation": "tanh"}, PADDED], ids=str)
def test_an_exported_model_separates_without_a_seam(tmp_path, noise, configuration):
    torch.manual_seed(1)
    model = build("wave-unet", **{**SMALL, "levels": 6, **configuration}, sample_rate=8000).eval()
    package = export_package(
        model, tmp_path / "tiny", half=False, name="tiny", description="untrained", licence="CC0-1.0", segment=0.5
    )
    track = noise[:, :20000]
    mono = track.mean(0, dtype=np.float64)
    with torch.no_grad():
        whole = model(torch.from_numpy(((track - mono.mean()) / mono.std()).astype(np.float32))[None])[0] * mono.std()
    for backend in ("onnx", "torch"):
        stems = np.stack(list(Separator(package, backend=backend, device="cpu").separate(track).values()))
        np.testing.assert_allclose(stems, whole, rtol=0, atol=1e-5 * np.abs(whole.numpy()).max())


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"levels": 0}, "levels"),
        ({"kernel_size": 14}, "kernel_size"),
        ({"up_kernel_size": -1}, "up_kernel_size"),
        ({"upsampling": "cubic"}, "upsampling: must be linear or learned"),
        ({"activation": "relu"}, "activation: must be linear or tanh"),
        ({"sources": ("a", "a")}, "sources"),
        ({"sources": ("voice",)}, "difference"),
        ({"filter": 12}, "did you mean 'filters'"),
    ],
)
def test_nonsense_is_named(configuration, field):
    with pytest.raises(ConfigError, match=field):
        build("wave-unet", **configuration)
