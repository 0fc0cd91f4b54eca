"""Convolutions that train faster on a CPU than torch's own, with the same weights and the same numbers.

torch's CPU kernels take twice the time that the arithmetic of a strided convolution needs, and more for a transposed
one. Cut a signal into frames of one stride each: where the kernel spans ``n`` strides, a step of the convolution's
output is the sum of ``n`` matrix products, with the frames at this step and after it. The transposed convolution adds
its products to overlapping frames, and each of the two is the other's gradient.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["PointwiseConv1d", "StridedConv1d", "StridedConvTranspose1d"]

_UNIT = {2: torch.complex64, 4: torch.complex128}  # as large as a stride of float32 samples, which move as one element
_CACHED = 2**17  # samples that stay in a core's cache


class StridedConv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` without padding or dilation, fast where its kernel is a multiple of its stride."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, samples)`` to ``(batch, channels, (samples - kernel) // stride + 1)``."""
        stride = self.stride[0]
        if not _suits(self, x, x.shape[-1] // stride) or x.shape[-1] % stride:
            return super().forward(x)
        return cast(Tensor, _Correlate.apply(x, self.weight, self.bias, stride))  # type: ignore[no-untyped-call]


class StridedConvTranspose1d(nn.ConvTranspose1d):
    """A :class:`torch.nn.ConvTranspose1d` without padding or dilation, fast as :class:`StridedConv1d` is."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map ``(batch, channels, steps)`` to ``(batch, channels, (steps - 1) * stride + kernel)``."""
        if not _suits(self, x, x.shape[-1]):
            return super().forward(x, output_size)
        stride = self.stride[0]
        return cast(Tensor, _OverlapAdd.apply(x, self.weight, self.bias, stride))  # type: ignore[no-untyped-call]


class PointwiseConv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` of kernel size 1: a matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to as many steps."""
        if not _takes_products(x) or self.bias is None:
            return super().forward(x)
        return torch.baddbmm(self.bias[:, None], self.weight[..., 0].expand(len(x), -1, -1), x)


def _takes_products(x: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and not torch.onnx.is_in_onnx_export()  # a graph keeps its convolutions


def _suits(layer: nn.Conv1d | nn.ConvTranspose1d, x: Tensor, steps: int) -> bool:
    """Return whether products are the faster way: not for a short signal and large weights, whose copies cost more."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    whole = stride in _UNIT and kernel % stride == 0 and layer.bias is not None
    return whole and steps >= min(layer.weight.shape[:2]) and _takes_products(x)


class _Correlate(torch.autograd.Function):
    """The convolution; its gradient is the transposed one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        frames, taps = _frames(x, stride), _taps(weight, stride)
        ctx.stride = stride
        ctx.save_for_backward(frames, taps)
        return _correlate(frames, taps, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        frames, taps = ctx.saved_tensors
        x = _signal(_overlap_add(gradient, taps), ctx.stride) if ctx.needs_input_grad[0] else None
        return x, _weight_gradient(gradient, frames, taps, ctx.stride), gradient.sum((0, 2)), None


class _OverlapAdd(torch.autograd.Function):
    """The transposed convolution; its gradient is the convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        taps = _taps(weight, stride)
        ctx.stride = stride
        ctx.save_for_backward(x, taps)
        return _signal(_overlap_add(x, taps, bias.repeat_interleave(stride)), stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, taps = ctx.saved_tensors
        frames = _frames(gradient, ctx.stride)
        return _correlate(frames, taps), _weight_gradient(x, frames, taps, ctx.stride), gradient.sum((0, 2)), None


def _correlate(frames: Tensor, taps: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sum the products of taps ``(n, rows, size)`` and frames ``(batch, steps + n - 1, size)``."""
    batch, steps = len(frames), frames.shape[1] - len(taps) + 1
    parts = [frames[:, index : index + steps].transpose(1, 2) for index in range(len(taps))]
    (first, *others), (part, *rest) = taps.unsqueeze(1).expand(-1, batch, -1, -1), parts
    y = torch.bmm(first, part) if bias is None else torch.baddbmm(bias[:, None], first, part)
    for tap, part in zip(others, rest, strict=True):
        y.baddbmm_(tap, part)
    return y


def _overlap_add(y: Tensor, taps: Tensor, bias: Tensor | None = None) -> Tensor:
    """Transpose :func:`_correlate`: from ``(batch, rows, steps)`` to frames."""
    batch, _, steps = y.shape
    frames = y.new_zeros(batch, steps + len(taps) - 1, taps.shape[2])
    if bias is not None:
        frames += bias
    for index, tap in enumerate(taps):
        frames[:, index : index + steps].baddbmm_(y.transpose(1, 2), tap.expand(batch, -1, -1))
    return frames


def _weight_gradient(y: Tensor, frames: Tensor, taps: Tensor, stride: int) -> Tensor:
    """Return the gradient of a weight ``(rows, channels, kernel)``."""
    steps = y.shape[2]
    products = [torch.bmm(y, frames[:, index : index + steps]).sum(0) for index in range(len(taps))]
    rows, channels = y.shape[1], frames.shape[2] // stride
    return torch.stack(products, 1).view(rows, -1, channels, stride).transpose(1, 2).flatten(2)


def _taps(weight: Tensor, stride: int) -> Tensor:
    """Cut a weight ``(rows, channels, kernel)`` into ``(kernel // stride, rows, channels * stride)``."""
    return weight.reshape(*weight.shape[:2], -1, stride).permute(2, 0, 1, 3).flatten(2)


def _frames(signal: Tensor, stride: int) -> Tensor:
    """Cut ``(batch, channels, steps * stride)`` into ``(batch, steps, channels * stride)``."""
    samples = signal.reshape(-1)
    if samples.storage_offset() % stride:  # units would lie across those of the storage
        samples = samples.clone()
    units = samples.view(_UNIT[stride]).view(*signal.shape[:2], -1)
    return units.transpose(1, 2).clone(memory_format=torch.contiguous_format).view(signal.dtype)


def _signal(frames: Tensor, stride: int) -> Tensor:
    """Undo :func:`_frames`, piece by piece: a frame is read once for every channel."""
    units = frames.view(_UNIT[stride])
    batch, steps, channels = units.shape
    signal = units.new_empty(batch, channels, steps)
    piece = max(1, _CACHED // frames.shape[2])
    for start in range(0, steps, piece):
        signal[..., start : start + piece] = units[:, start : start + piece].transpose(1, 2)
    return signal.view(frames.dtype)
