"""A Demucs in stages: encoder, recurrence and decoder, the encoder and the decoder in two parts each.

What the encoder and the decoder compute for a moment does not depend on the window around it; only the LSTM sees a
window as a whole. In stages, a track is therefore encoded and decoded once, piece by piece, and only the LSTM runs on
overlapping windows.

Signals have a row for each time step here, ``(steps, channels)``. A convolution is then a product of a matrix whose
rows hold neighbouring steps side by side, and libraries multiply matrices at nearly the full speed of a processor.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.demucs import Demucs
from partita.models.resampling import SincResampler

__all__ = ["InnerDecoder", "InnerEncoder", "OuterDecoder", "OuterEncoder", "Recurrence"]


class OuterEncoder(nn.Module):
    """The two outermost levels of the encoder."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor) -> Tensor:
        """Map ``(samples, channels)`` to the rows ``(rows, channels)`` of the second level."""
        first, second, *_ = self.model.encoder
        return _encoded(_encoded(_resampled(mixture, self.model), first), second)


class InnerEncoder(nn.Module):
    """The other levels of the encoder."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Tensor) -> list[Tensor]:
        """Map rows of the second level to those of each level that follows; the last are the frames."""
        levels = []
        for layers in self.model.encoder[2:]:
            rows = _encoded(rows, layers)
            levels.append(rows)
        return levels


class Recurrence(nn.Module):
    """The LSTM and the linear layer after it."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(frames, windows, channels)`` to the same shape."""
        lstm = self.model.lstm
        return cast(Tensor, lstm.linear(lstm.lstm(frames))) if lstm is not None else frames


class InnerDecoder(nn.Module):
    """All levels of the decoder but the outermost."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, *skips: Tensor) -> Tensor:
        """Map the output of the recurrence and the skip connections to rows of the outermost level.

        Args:
            frames: ``(frames, channels)``.
            *skips: ``(rows, channels)`` of each level from the second on.
        """
        x = frames
        for layers, skip in zip(self.model.decoder, reversed(skips), strict=False):  # not the outermost
            *context, transposed, _ = cast(nn.Sequential, layers)
            transposed = cast(nn.ConvTranspose1d, transposed)
            x = _transposed(_contextual(x + skip, context), transposed, transposed.weight, _bias(transposed), relu=True)
        return x


class OuterDecoder(nn.Module):
    """The outermost level of the decoder, and the level of the encoder that its skip connection needs."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Tensor, mixture: Tensor) -> Tensor:
        """Map rows and mixture to stems.

        Args:
            rows: ``(rows, channels)``, from the inner decoder.
            mixture: ``(samples, channels)``.

        Returns:
            ``(sources, channels, samples)``.
        """
        model = self.model
        skip = _encoded(_resampled(mixture, model), model.encoder[0])
        *context, transposed = cast(nn.Sequential, model.decoder[-1])
        transposed = cast(nn.ConvTranspose1d, transposed)
        weight, bias = transposed.weight, _bias(transposed)
        if model.config.consistent:  # what is added to make the stems sum to the mixture is linear, as this layer is
            weight, (bias,) = (_without_mean(values, len(model.sources)) for values in (weight, bias[None]))
        x = _transposed(_contextual(rows + skip, context), transposed, weight, bias).t()
        if model.resampler:
            reach = SincResampler.reach
            x = model.resampler.downsample(x[None])[0][:, reach:-reach]
        stems = x.reshape(len(model.sources), model.audio_channels, -1)
        if model.config.consistent:
            geometry = model.config.stages
            assert geometry is not None
            first = geometry.output.before - geometry.outer_decoder.before
            beyond = geometry.output.after - geometry.outer_decoder.after
            middle = mixture[first : -beyond or None].t()
            stems = stems + middle / len(model.sources)
        return stems


def _resampled(mixture: Tensor, model: Demucs) -> Tensor:
    if not model.resampler:
        return mixture
    reach = 2 * SincResampler.reach
    return model.resampler.upsample(mixture.t()[None])[0].t()[reach:-reach]


def _encoded(x: Tensor, layers: nn.Module) -> Tensor:
    strided, _, *rewrite = cast(nn.Sequential, layers)
    x = _strided(x, cast(nn.Conv1d, strided)).relu()
    return _gated(x, *rewrite) if rewrite else x


def _contextual(x: Tensor, layers: list[nn.Module]) -> Tensor:
    return _gated(x, *layers) if layers else x


def _without_mean(values: Tensor, sources: int) -> Tensor:
    """Subtract the mean over the sources, ``(any, sources * channels, ...)``."""
    parts = values.reshape(values.shape[0], sources, -1, *values.shape[2:])
    return (parts - parts.mean(1, keepdim=True)).flatten(1, 2)


def _neighbours(x: Tensor, count: int, *, latest_first: bool = False) -> Tensor:
    """Put ``count`` consecutive rows side by side."""
    if count == 1:
        return x
    order = reversed(range(count)) if latest_first else range(count)
    return torch.cat([x[first : first + 1 - count or None] for first in order], 1)


def _strided(x: Tensor, layer: nn.Conv1d) -> Tensor:
    stride, taps = layer.stride[0], layer.kernel_size[0]
    if taps % stride:
        return cast(Tensor, layer(x.t()[None])[0].t())
    weight = layer.weight.permute(2, 1, 0).flatten(0, 1)
    frames = x.reshape(-1, stride * layer.in_channels)
    return torch.addmm(_bias(layer), _neighbours(frames, taps // stride), weight)


def _gated(x: Tensor, layer: nn.Module, activation: nn.Module) -> Tensor:
    """Convolve without stride, then apply a GLU, or what replaces it."""
    layer = cast(nn.Conv1d, layer)
    weight, bias = layer.weight.permute(2, 1, 0).flatten(0, 1), _bias(layer)
    x = _neighbours(x, layer.kernel_size[0])
    if not isinstance(activation, nn.GLU):
        return cast(Tensor, activation(torch.addmm(bias, x, weight)))
    half = bias.shape[0] // 2  # two products are faster than one that is cut afterwards
    return torch.addmm(bias[:half], x, weight[:, :half]) * torch.addmm(bias[half:], x, weight[:, half:]).sigmoid()


def _transposed(x: Tensor, layer: nn.ConvTranspose1d, weight: Tensor, bias: Tensor, *, relu: bool = False) -> Tensor:
    """Convolve with a weight and a bias as those of the layer and keep the rows to which all taps contribute."""
    stride, taps = layer.stride[0], layer.kernel_size[0]
    excess = taps - stride
    if taps % stride:
        rows = F.conv_transpose1d(x.t()[None], weight, bias, stride)[0].t()[excess:-excess]
        return rows.relu() if relu else rows
    # (channels, outputs, taps) to (taps // stride, channels, stride, outputs); the first taps belong to the latest row
    weight = weight.reshape(*weight.shape[:2], -1, stride).permute(2, 0, 3, 1)
    weight = weight.reshape(-1, stride * layer.out_channels)
    frames = torch.addmm(bias.repeat(stride), _neighbours(x, taps // stride, latest_first=True), weight)
    frames = frames.relu() if relu else frames  # before the reshape, so that the product applies it
    return frames.reshape(-1, layer.out_channels)


def _bias(layer: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    return cast(Tensor, layer.bias)
