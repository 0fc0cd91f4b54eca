"""A Demucs in three stages: encoder, recurrence and decoder.

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

from partita.models.demucs import Demucs, DemucsConfig
from partita.models.geometry import Rows, StagedGeometry
from partita.models.resampling import SincResampler

__all__ = ["Decoder", "Encoder", "Recurrence", "staged_geometry"]


def staged_geometry(config: DemucsConfig) -> StagedGeometry | None:
    """Return the lengths of the stages, ``None`` for a model that has to run on whole windows."""
    if config.upsample or config.mask or config.depth < 2:
        return None
    stride, excess = config.stride, config.kernel_size - config.stride
    half = (config.context - 1) // 2 if config.rewrite else 0
    rows: list[Rows] = []
    before = after = ahead = 0
    for level in range(config.depth):
        rows.insert(0, Rows(stride**level, before, after))
        # the transposed convolution keeps the rows to which all its taps contribute
        before, after = (before + half) * stride + excess, (after + half) * stride
        ahead = ahead * stride + excess
    multiple = stride**config.depth
    outermost, *skips = rows
    decoded = Rows(multiple, outermost.before * stride, outermost.after * stride - excess)
    signals = [Rows(multiple, 0, -ahead), decoded, Rows(multiple, before, after)]
    if config.resample:  # a sample depends on others around it at the lower rate
        reach = SincResampler.reach
        halves = [Rows(multiple // 2, rows.before // 2, rows.after // 2) for rows in signals]
        signals = [
            Rows(rows.rate, rows.before + around, rows.after + around)
            for rows, around in zip(halves, (-reach, -reach, reach), strict=True)
        ]
    encoded, decoded, output = signals
    return StagedGeometry(encoded, tuple(skips), decoded, output)


class Encoder(nn.Module):
    """From the mixture to the skip connections; the last are the frames."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor) -> list[Tensor]:
        """Map ``(samples, channels)`` to ``(rows, channels)`` for each level but the outermost."""
        x = _encoded(_resampled(mixture, self.model), self.model.encoder[0])
        skips = []
        for layers in self.model.encoder[1:]:
            x = _encoded(x, layers)
            skips.append(x)
        return skips


class Recurrence(nn.Module):
    """The LSTM and the linear layer after it."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(frames, windows, channels)`` to the same shape."""
        lstm = self.model.lstm
        return cast(Tensor, lstm.linear(lstm.lstm(frames))) if lstm is not None else frames


class Decoder(nn.Module):
    """From frames and skip connections to stems."""

    def __init__(self, model: Demucs) -> None:
        super().__init__()
        self.model = model
        geometry = staged_geometry(model.config)
        assert geometry is not None
        self.geometry = geometry

    def forward(self, frames: Tensor, mixture: Tensor, *skips: Tensor) -> Tensor:
        """Separate.

        Args:
            frames: Output of the recurrence, ``(frames, channels)``.
            mixture: ``(samples, channels)``, the samples of :attr:`StagedGeometry.decoded`.
            *skips: ``(rows, channels)`` of each level but the outermost.

        Returns:
            ``(sources, channels, samples)``.
        """
        model, x = self.model, frames
        outermost = _encoded(_resampled(mixture, model), model.encoder[0])
        for layers, skip in zip(model.decoder, (*reversed(skips), outermost), strict=True):
            last = layers is model.decoder[-1]
            *context, transposed = list(cast(nn.Sequential, layers))[: None if last else -1]
            x = x + skip
            x = _gated(x, *context) if context else x
            x = _transposed(x, cast(nn.ConvTranspose1d, transposed))
            x = x if last else x.relu()
        x = x.t()
        if model.resampler:
            reach = SincResampler.reach
            x = model.resampler.downsample(x[None])[0][:, reach:-reach]
        stems = x.reshape(len(model.sources), model.audio_channels, -1)
        if model.config.consistent:
            first = self.geometry.output.before - self.geometry.decoded.before
            beyond = self.geometry.output.after - self.geometry.decoded.after
            stems = stems + (mixture[first : -beyond or None].t() - stems.sum(0)) / len(model.sources)
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


def _neighbours(x: Tensor, count: int) -> Tensor:
    """Put ``count`` consecutive rows side by side."""
    if count == 1:
        return x
    rows = x.shape[0] - count + 1
    return torch.cat([x[first : first + rows] for first in range(count)], 1)


def _strided(x: Tensor, layer: nn.Conv1d) -> Tensor:
    stride, taps = layer.stride[0], layer.kernel_size[0]
    if taps % stride:
        return cast(Tensor, layer(x.t()[None])[0].t())
    weight = layer.weight.permute(2, 1, 0).flatten(0, 1)
    frames = x.reshape(-1, stride * x.shape[1])
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


def _transposed(x: Tensor, layer: nn.ConvTranspose1d) -> Tensor:
    """Convolve and keep the rows to which all taps contribute."""
    stride, taps = layer.stride[0], layer.kernel_size[0]
    excess = taps - stride
    if taps % stride:
        return cast(Tensor, layer(x.t()[None])[0].t()[excess:-excess])
    # (channels, outputs, taps) to (taps // stride, channels, stride, outputs), the last taps first
    weight = layer.weight.reshape(*layer.weight.shape[:2], -1, stride).permute(2, 0, 3, 1).flip(0)
    weight = weight.reshape(-1, stride * layer.out_channels)
    frames = torch.addmm(_bias(layer).repeat(stride), _neighbours(x, taps // stride), weight)
    return frames.reshape(-1, layer.out_channels)


def _bias(layer: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    return cast(Tensor, layer.bias)
