from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from partita.models import convolutions
from partita.models.convolutions import ContextConv1d, PointwiseConv1d, StridedConv1d, StridedConvTranspose1d

SHAPES = {
    "batch": st.integers(1, 3),
    "channels": st.integers(1, 4),
    "out": st.integers(1, 5),
    "kernel": st.integers(1, 9),
    "stride": st.integers(1, 5),
    "steps": st.integers(1, 40),
    "spare": st.integers(0, 3),
}


def results(layer, x):
    """Return output and all gradients of a layer."""
    x = x.detach().requires_grad_()
    y = layer(x)
    weighting = torch.linspace(-1, 2, y.numel()).reshape(y.shape)
    return [y, *torch.autograd.grad((y * weighting).sum(), [x, *layer.parameters()])]


def assert_same(ours, theirs, x):
    theirs.load_state_dict(ours.state_dict())
    for found, expected in zip(results(ours, x), results(theirs, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(**SHAPES)
def test_strided_convolution_is_that_of_torch(batch, channels, out, kernel, stride, steps, spare):
    x = torch.randn(batch, channels, kernel + stride * steps + spare)
    options = (channels, out, kernel, stride)
    assert_same(StridedConv1d(*options), nn.Conv1d(*options), x)


@settings(max_examples=60, deadline=None)
@given(**SHAPES)
def test_transposed_convolution_is_that_of_torch(batch, channels, out, kernel, stride, steps, spare):
    options = (channels, out, kernel, stride)
    assert_same(
        StridedConvTranspose1d(*options), nn.ConvTranspose1d(*options), torch.randn(batch, channels, steps + spare)
    )


def test_pointwise_convolution_is_that_of_torch():
    assert_same(PointwiseConv1d(3, 5, 1), nn.Conv1d(3, 5, 1), torch.randn(2, 3, 40))


def test_long_signals_move_in_pieces(monkeypatch):
    monkeypatch.setattr(convolutions, "_CACHED", 100)
    options = (3, 2, 8, 4)
    assert_same(StridedConvTranspose1d(*options), nn.ConvTranspose1d(*options), torch.randn(2, 3, 50))


@pytest.mark.parametrize("start", [1, 2, 4])
def test_the_middle_of_a_signal_is_taken_where_it_lies(start):
    x = torch.randn(1, 1, 100)[..., start : start + 80]  # contiguous, as torch sees it
    assert_same(StridedConv1d(1, 2, 8, 4), nn.Conv1d(1, 2, 8, 4), x)


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
@pytest.mark.parametrize("kernels", [1, 2, 3])
def test_wide_strides_move_in_parts(stride, kernels):
    options = (3, 2, kernels * stride, stride)
    assert_same(StridedConv1d(*options), nn.Conv1d(*options), torch.randn(2, 3, stride * 40))
    assert_same(StridedConvTranspose1d(*options), nn.ConvTranspose1d(*options), torch.randn(2, 3, 40))


LAYERS = [
    (StridedConv1d, nn.Conv1d, (24, 32, 8, 4)),
    (StridedConv1d, nn.Conv1d, (2, 32, 16, 8)),
    (StridedConvTranspose1d, nn.ConvTranspose1d, (32, 24, 8, 4)),
    (StridedConvTranspose1d, nn.ConvTranspose1d, (32, 8, 32, 16)),
    (ContextConv1d, nn.Conv1d, (32, 24, 3)),
    (PointwiseConv1d, nn.Conv1d, (32, 24, 1)),
]


@pytest.mark.parametrize(("layer", "plain", "options"), LAYERS)
def test_double_precision_is_that_of_torch(layer, plain, options):
    x = torch.randn(2, options[0], 640, dtype=torch.float64)
    assert_same(layer(*options).double(), plain(*options).double(), x)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("layer", "plain", "options"), LAYERS)
def test_mixed_precision_differs_by_rounding(layer, plain, options, turned):
    """From the same layer in float32, in output and gradients, by what 8 bits leave of each."""
    torch.manual_seed(0)
    x = torch.randn(2, options[0], 640)
    x = x.transpose(1, 2).contiguous().transpose(1, 2) if turned else x  # as an LSTM leaves it
    ours, theirs = layer(*options), plain(*options)
    theirs.load_state_dict(ours.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        found = results(ours, x)
    assert found[0].dtype == torch.bfloat16
    for mixed, full in zip(found, results(theirs, x), strict=True):
        assert (mixed.float() - full).norm() < 0.01 * full.norm()
    assert all(gradient.dtype == torch.float32 for gradient in found[1:])


@pytest.mark.parametrize(("layer", "node"), [(StridedConv1d, "_Correlate"), (StridedConvTranspose1d, "_OverlapAdd")])
@pytest.mark.parametrize(("steps", "products"), [(400, True), (8, False)])
def test_products_are_for_signals_longer_than_the_weights_are_wide(layer, node, steps, products):
    y = layer(16, 32, 8, 4)(torch.randn(1, 16, 4 * steps if layer is StridedConv1d else steps))
    assert (node in type(y.grad_fn).__name__) == products
