"""Layers in the form that ONNX Runtime computes fastest on a CPU; outside an export they are torch's own."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["convolved_glu", "transposed_convolution"]


def convolved_glu(x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """Convolve and apply a GLU; in an ONNX graph by two convolutions, because cutting an output in two takes long."""
    if not torch.onnx.is_in_onnx_export():
        return F.glu(F.conv2d(x, weight, bias, padding=padding), dim=1)
    values, gates = (F.conv2d(x, *half, padding=padding) for half in zip(weight.chunk(2), bias.chunk(2), strict=True))
    return values * gates.sigmoid()


def transposed_convolution(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """Apply a layer; in an ONNX graph as a convolution that computes all steps of a stride at once."""
    dim = 2 if layer.kernel_size[0] > 1 else 3
    kernel, stride = layer.kernel_size[dim - 2], layer.stride[dim - 2]
    if not torch.onnx.is_in_onnx_export() or kernel != 2 * stride:
        return cast(Tensor, layer(x))
    # (inputs, outputs, 2 * stride) to (outputs * stride, inputs, taps); the second half belongs to the step before
    weight = layer.weight.reshape(*layer.weight.shape[:2], 2, stride).flip(2).permute(1, 3, 0, 2).flatten(0, 1)
    bias = cast(Tensor, layer.bias).repeat_interleave(stride)
    y = F.conv2d(x, weight.unsqueeze(5 - dim), bias, padding=(3 - dim, dim - 2))
    y = y.reshape(y.shape[0], layer.out_channels, stride, *y.shape[2:])
    return y.permute(0, 1, 3, 2, 4).flatten(2, 3) if dim == 2 else y.permute(0, 1, 3, 4, 2).flatten(3)
