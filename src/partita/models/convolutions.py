"""Convolutions that train faster on a CPU than torch's, with the same weights and the same results.

torch's CPU kernels take twice as long as the arithmetic of a strided convolution requires, and longer still for a
transposed one. Here the signal is cut into frames of one stride each. If the kernel spans ``n`` strides, an output
step of the convolution is the sum of ``n`` matrix products, with the frame at this step and the following ones. The
transposed convolution adds its products to overlapping frames. Each of the two is the gradient of the other.

Under autocast the products are computed in bfloat16, which CPUs with AMX do several times faster; torch's own
convolutions are many times slower in bfloat16 than in float32.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["ContextConv1d", "PointwiseConv1d", "StridedConv1d", "StridedConvTranspose1d"]

_UNITS = {
    4: torch.float32,
    8: torch.complex64,
    16: torch.complex128,
}  # by size in bytes: samples that are copied as one element
_CACHED = 2**17  # samples that fit into the cache of a core


class StridedConv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` without padding or dilation, fast if its kernel is a multiple of its stride."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, samples)`` to ``(batch, channels, (samples - kernel) // stride + 1)``."""
        stride = self.stride[0]
        if not _suits(self, x, x.shape[-1] // stride) or x.shape[-1] % stride:
            return super().forward(x)
        return cast(Tensor, _Correlate.apply(*_operands(self, x), stride))  # type: ignore[no-untyped-call]


class StridedConvTranspose1d(nn.ConvTranspose1d):
    """A :class:`torch.nn.ConvTranspose1d` without padding or dilation; fast kernels as of :class:`StridedConv1d`."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map ``(batch, channels, steps)`` to ``(batch, channels, (steps - 1) * stride + kernel)``."""
        if not _suits(self, x, x.shape[-1]):
            return super().forward(x, output_size)
        stride = self.stride[0]
        return cast(Tensor, _OverlapAdd.apply(*_operands(self, x), stride))  # type: ignore[no-untyped-call]


class ContextConv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` of stride 1 without padding or dilation, fast in mixed precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to ``(batch, channels, steps - kernel + 1)``."""
        if not _takes_products(x) or self.bias is None or not _is_mixed(x):
            return super().forward(x)
        return cast(Tensor, _Slide.apply(*_operands(self, x)))  # type: ignore[no-untyped-call]


class PointwiseConv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` of kernel size 1: a matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to as many steps."""
        if not _takes_products(x) or self.bias is None:
            return super().forward(x)
        x, weight, bias = _operands(self, x)
        return torch.baddbmm(bias[:, None], weight[..., 0].expand(len(x), -1, -1), x)


def _takes_products(x: Tensor) -> bool:
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    return x.device.type == "cpu" and not tracing  # a graph keeps its convolutions


def _is_mixed(x: Tensor) -> bool:
    return torch.is_autocast_enabled(x.device.type)


def _operands(layer: nn.Conv1d | nn.ConvTranspose1d, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return input, weight and bias in the precision of the products."""
    dtype = torch.get_autocast_dtype(x.device.type) if _is_mixed(x) else x.dtype
    return x.to(dtype), layer.weight.to(dtype), cast(Tensor, layer.bias).to(dtype)


def _suits(layer: nn.Conv1d | nn.ConvTranspose1d, x: Tensor, steps: int) -> bool:
    """Return whether products are faster; for short signals and large weights, copying the weights costs more."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    whole = stride in (2, 4, 8, 16) and kernel % stride == 0 and layer.bias is not None
    return whole and (steps >= min(layer.weight.shape[:2]) or _is_mixed(x)) and _takes_products(x)


class _Correlate(torch.autograd.Function):
    """The convolution; its gradient is the transposed convolution."""

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
        return x, _weight_gradient(gradient, frames, taps, ctx.stride), _bias_gradient(gradient), None


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
        return _correlate(frames, taps), _weight_gradient(x, frames, taps, ctx.stride), _bias_gradient(gradient), None


class _Slide(torch.autograd.Function):
    """The convolution of stride 1: the sum over taps of the tap times the signal, shifted by the tap's position."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps = x.shape[-1] - weight.shape[-1] + 1
        (first, *others) = weight.permute(2, 0, 1).contiguous().unsqueeze(1).expand(-1, len(x), -1, -1)
        ctx.save_for_backward(x, weight)
        y = torch.baddbmm(bias[:, None], first, x[..., :steps])
        for index, tap in enumerate(others, 1):
            y.baddbmm_(tap, x[..., index : index + steps])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        steps = gradient.shape[-1]
        back = x.new_zeros(x.shape)  # contiguous, whatever the layout of x: products need rows
        for index, tap in enumerate(weight.permute(2, 1, 0).contiguous()):
            back[..., index : index + steps].baddbmm_(tap.expand(len(x), -1, -1), gradient)
        turned = gradient.transpose(1, 2)
        products = [torch.bmm(x[..., index : index + steps], turned).sum(0).t() for index in range(weight.shape[-1])]
        return back, torch.stack(products, -1), _bias_gradient(gradient)


def _correlate(frames: Tensor, taps: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sum the products of taps ``(n, rows, size)`` and frames ``(batch, steps + n - 1, size)``."""
    steps = frames.shape[1] - len(taps) + 1
    y = _or_zeros(bias, taps.shape[1], frames)[:, None].expand(len(frames), -1, steps).contiguous()
    for out, rows in zip(y, frames, strict=True):  # one by one: in bfloat16, torch copies non-contiguous batches
        for index, tap in enumerate(taps):
            out.addmm_(tap, rows[index : index + steps].t())
    return y


def _overlap_add(y: Tensor, taps: Tensor, bias: Tensor | None = None) -> Tensor:
    """Transpose :func:`_correlate`: from ``(batch, rows, steps)`` to frames."""
    batch, _, steps = y.shape
    frames = _or_zeros(bias, taps.shape[2], y).expand(batch, steps + len(taps) - 1, -1).contiguous()
    for index, tap in enumerate(taps):
        frames[:, index : index + steps].baddbmm_(y.transpose(1, 2), tap.expand(batch, -1, -1))
    return frames


def _weight_gradient(y: Tensor, frames: Tensor, taps: Tensor, stride: int) -> Tensor:
    """Return the gradient of a weight ``(rows, channels, kernel)``."""
    steps = y.shape[2]
    products = [torch.bmm(y, frames[:, index : index + steps]).sum(0) for index in range(len(taps))]
    rows, channels = y.shape[1], frames.shape[2] // stride
    return torch.stack(products, 1).view(rows, -1, channels, stride).transpose(1, 2).flatten(2)


def _or_zeros(bias: Tensor | None, size: int, like: Tensor) -> Tensor:
    return like.new_zeros(size) if bias is None else bias


def _bias_gradient(gradient: Tensor) -> Tensor:
    """Sum over batch and steps as a matrix product; torch's own sum of bfloat16 copies to float32 first."""
    ones = gradient.new_ones(gradient.shape[2], 1)
    return torch.bmm(gradient, ones.expand(len(gradient), -1, -1)).sum((0, 2))


def _taps(weight: Tensor, stride: int) -> Tensor:
    """Cut a weight ``(rows, channels, kernel)`` into ``(kernel // stride, rows, channels * stride)``."""
    return weight.reshape(*weight.shape[:2], -1, stride).permute(2, 0, 1, 3).flatten(2)


def _frames(signal: Tensor, stride: int) -> Tensor:
    """Cut ``(batch, channels, steps * stride)`` into ``(batch, steps, channels * stride)``."""
    batch, channels, length = signal.shape
    unit = _unit(signal, stride)
    samples = signal.reshape(-1)
    if samples.storage_offset() * signal.itemsize % unit.itemsize:  # units would not be aligned with the storage
        samples = samples.clone()
    units = samples.view(unit).view(batch, channels, length // stride, -1)
    return units.transpose(1, 2).clone(memory_format=torch.contiguous_format).view(signal.dtype).flatten(2)


def _signal(frames: Tensor, stride: int) -> Tensor:
    """Invert :func:`_frames`, piece by piece, because a frame is read once for every channel."""
    batch, steps, size = frames.shape
    units = frames.view(_unit(frames, stride)).view(batch, steps, size // stride, -1)
    signal = torch.empty_like(units.transpose(1, 2), memory_format=torch.contiguous_format)
    piece = max(1, _CACHED // size)
    for start in range(0, steps, piece):
        signal[:, :, start : start + piece] = units[:, start : start + piece].transpose(1, 2)
    return signal.view(frames.dtype).flatten(2)


def _unit(x: Tensor, stride: int) -> torch.dtype:
    """Return the largest type that divides a stride."""
    return _UNITS[min(stride * x.itemsize, 16)]
