from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.models import build
from partita.models.demucs import RatioMask
from partita.models.initialisation import rescale_weights


@pytest.mark.parametrize(
    ("configuration", "millions"),
    [
        ({"channels": 100}, 648.5),
        ({"channels": 80}, 415.1),
        ({"channels": 64}, 265.7),
        ({"channels": 48}, 149.5),
        ({"channels": 64, "lstm_layers": 0}, 89.5),
    ],
)
def test_parameter_counts_are_those_of_the_paper(configuration, millions):
    with torch.device("meta"):
        model = build("demucs", rescale=0, **configuration)
    assert round(model.parameter_count() / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("configuration", "length"), [({}, 451924), ({"context": 1}, 443732), ({"resample": True}, 447146)]
)
def test_valid_length_of_ten_seconds(configuration, length):
    model = build("demucs", channels=2, **configuration)
    assert model.geometry.input_length(441000) == length


CONFIGURATIONS = [
    {},
    {"context": 1},
    {"glu": False},
    {"rewrite": False},
    {"lstm_layers": 0},
    {"lstm_layers": 1, "growth": 1.5},
    {"upsample": True},
    {"upsample": True, "context": 1, "kernel_size": 5, "stride": 2},
    {"resample": True},
    {"kernel_size": 6, "stride": 3, "resample": False},
    {"kernel_size": 16, "stride": 8, "consistent": True},
    {"resample": True, "consistent": True},
    {"kernel_size": 32, "stride": 16, "consistent": True, "mask": True},
    {"kernel_size": 32, "stride": 16, "resample": True, "mask": True},
    {"audio_channels": 1, "sources": ("voice", "rest")},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_the_geometry_holds_for_every_choice(configuration):
    model = build("demucs", channels=3, depth=3, **configuration)
    for samples in (1, 1000, 5000):
        x = torch.randn(1, model.audio_channels, model.geometry.input_length(samples))
        assert model.core(x).shape == (
            1, len(model.sources), model.audio_channels, model.geometry.output_length(samples),
        )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 3000), channels=st.integers(1, 2), resample=st.booleans())
def test_any_length_comes_back(samples, channels, resample):
    model = build("demucs", channels=2, depth=3, audio_channels=channels, resample=resample)
    assert model(torch.randn(2, channels, samples)).shape == (2, 4, channels, samples)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"context": 1},
        {"upsample": True},
        {"resample": True},
        {"kernel_size": 9, "stride": 3},
        {"rewrite": False},
        {"kernel_size": 32, "stride": 16, "mask": True},
    ],
    ids=str,
)
def test_convolutions_do_not_see_where_a_signal_is_cut(configuration):
    model = build("demucs", channels=4, depth=3, lstm_layers=0, **configuration).eval()
    geometry = model.geometry
    signal = torch.randn(1, 2, geometry.input_length(20000))
    with torch.no_grad():
        whole = model.core(signal)
        start = 5 * geometry.multiple
        part = model.core(signal[..., start : start + geometry.input_length(4000)])
    inside = slice(geometry.edge, part.shape[-1] - geometry.edge)
    torch.testing.assert_close(part[..., inside], whole[..., start:][..., inside], rtol=0, atol=1e-6)


def test_forward_hears_silence_around_its_input():
    model = build("demucs", channels=4, depth=3, lstm_layers=0).eval()
    signal = torch.randn(1, 2, 5000)
    room = 3 * model.geometry.multiple
    with torch.no_grad():
        alone = model(signal)
        surrounded = model(torch.nn.functional.pad(signal, (room, room)))[..., room:-room]
    torch.testing.assert_close(alone, surrounded, rtol=0, atol=1e-6)


@pytest.mark.parametrize("resample", [False, True])
def test_consistent_stems_add_up_to_the_mixture(resample):
    model = build("demucs", channels=4, depth=3, resample=resample, consistent=True)
    mixture = torch.randn(2, 2, 3000)
    torch.testing.assert_close(model(mixture).sum(1), mixture, rtol=0, atol=1e-5)


def test_masked_stems_add_up_to_the_mixture():
    model = build("demucs", channels=2, depth=2, kernel_size=32, stride=32, mask=True)
    mixture = torch.randn(2, 2, 9000)
    torch.testing.assert_close(model(mixture).sum(1), mixture, rtol=0, atol=1e-4)


def test_a_mask_gives_each_stem_its_share_of_the_magnitude():
    time = torch.arange(20 * 1024) / 44100
    low, high = torch.sin(2 * torch.pi * 300 * time), torch.sin(2 * torch.pi * 4000 * time)
    mask = RatioMask()
    shares = torch.tensor([[0.75, 0.1], [0.25, 0.9]])
    estimates = (shares[:, 0, None] * low + shares[:, 1, None] * high)[None, :, None]
    found = mask((low + high)[None, None], -estimates)[0, :, 0]  # the phase of the estimates does not matter
    middle = slice(mask.reach, len(time) - mask.reach)
    expected = shares[:, 0, None] * low[middle] + shares[:, 1, None] * high[middle]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_the_loss_of_a_masked_mixture_reaches_all_weights():
    torch.manual_seed(0)  # with few channels, some initial weights leave a ReLU without a gradient
    model = build("demucs", channels=4, depth=2, kernel_size=32, stride=32, mask=True)
    model(torch.randn(1, 2, 9000)).square().sum().backward()
    assert all(bool(parameter.grad.abs().sum() > 0) for parameter in model.parameters())


@pytest.mark.parametrize("reference", [0.1, 0.01])
def test_rescaling_follows_the_formula(reference):
    torch.manual_seed(0)
    plain = build("demucs", channels=4, depth=2, rescale=0)
    rescaled = build("demucs", channels=4, depth=2, rescale=0)
    rescaled.load_state_dict(plain.state_dict())
    rescale_weights(rescaled, reference)
    for (name, before), after in zip(plain.named_parameters(), rescaled.parameters(), strict=True):
        if "lstm" in name:  # the LSTM and its linear layer are left alone
            assert torch.equal(before, after)
            continue
        weight = dict(plain.named_parameters())[name.replace("bias", "weight")]
        divisor = np.sqrt(np.std(weight.detach().numpy(), ddof=1) / reference)
        np.testing.assert_allclose(after.detach(), before.detach() / divisor, rtol=1e-5)


def test_building_rescales():
    torch.manual_seed(0)
    model = build("demucs", channels=64, depth=2, rescale=0.1)
    torch.manual_seed(0)
    plain = build("demucs", channels=64, depth=2, rescale=0)
    before, after = plain.encoder[1][0].weight.std(), model.encoder[1][0].weight.std()
    assert after.item() == pytest.approx((before * 0.1).sqrt().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"context": 2}, "context"),
        ({"depth": 0}, "depth"),
        ({"kernel_size": 3}, "kernel_size"),
        ({"sources": ("a", "a")}, "sources"),
        ({"lstm_layers": -1}, "lstm_layers"),
        ({"resample": True, "stride": 3, "kernel_size": 9}, "resample"),
        ({"mask": True, "stride": 2, "depth": 4}, "multiple of 1024"),
        ({"chanels": 3}, "did you mean 'channels'"),
    ],
)
def test_nonsense_is_named(configuration, field):
    with pytest.raises(ConfigError, match=field):
        build("demucs", **configuration)
