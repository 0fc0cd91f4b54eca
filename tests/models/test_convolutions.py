from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from partita.models import convolutions
from partita.models.convolutions import PointwiseConv1d, StridedConv1d, StridedConvTranspose1d

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


@pytest.mark.parametrize(
    ("layer", "plain", "options"),
    [
        (StridedConv1d, nn.Conv1d, (2, 3, 8, 4)),
        (StridedConvTranspose1d, nn.ConvTranspose1d, (2, 3, 8, 4)),
        (PointwiseConv1d, nn.Conv1d, (2, 3, 1)),
    ],
)
def test_other_precisions_are_left_to_torch(layer, plain, options):
    assert_same(layer(*options).double(), plain(*options).double(), torch.randn(2, 2, 64, dtype=torch.float64))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(*options)(torch.randn(2, 2, 64)).dtype == torch.bfloat16


@pytest.mark.parametrize(("layer", "node"), [(StridedConv1d, "_Correlate"), (StridedConvTranspose1d, "_OverlapAdd")])
@pytest.mark.parametrize(("steps", "products"), [(400, True), (8, False)])
def test_products_are_for_signals_longer_than_the_weights_are_wide(layer, node, steps, products):
    y = layer(16, 32, 8, 4)(torch.randn(1, 16, 4 * steps if layer is StridedConv1d else steps))
    assert (node in type(y.grad_fn).__name__) == products
