"""Wave-U-Net: a U-Net on the waveform that halves, then doubles, the sample rate from level to level.

Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio Source Separation (Stoller, Ewert, Dixon, 2018);
by default its best variant; the fields of :class:`WaveUNetConfig` give all of them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.base import WaveformModel
from partita.models.configurations.wave_unet import ContextLengths, WaveUNetConfig

__all__ = ["WaveUNet", "WaveUNetConfig"]

_SLOPE = 0.2  # of the leaky ReLU for negative inputs


class WaveUNet(WaveformModel):
    """The paper's model.

    On the way down each level convolves (leaky ReLU) and keeps every second sample; one more convolution follows
    the last. On the way up each level doubles the rate, appends what the level held on the way down and convolves.
    The mixture itself is appended before the last convolution, one filter for each channel of each stem.
    """

    architecture = "wave-unet"

    def __init__(self, config: WaveUNetConfig) -> None:
        self.config = config
        super().__init__(config)
        self._trims = ContextLengths(config).trims if config.context else [0] * (config.levels + 2)
        channels = [config.audio_channels, *(config.filters * (level + 1) for level in range(config.levels + 1))]
        self.down = nn.ModuleList(
            _convolution(inner, outer, config.kernel_size, config.context) for inner, outer in pairwise(channels)
        )
        self.upsample = nn.ModuleList(
            _Upsampling(inner, learned=config.upsampling == "learned", context=config.context)
            for inner in channels[:1:-1]
        )
        self.up = nn.ModuleList(
            _convolution(inner + outer, outer, config.up_kernel_size, config.context)
            for inner, outer in zip(channels[:1:-1], channels[-2:0:-1], strict=True)
        )
        self.output = _convolution(
            config.filters + config.audio_channels,
            (len(config.sources) - config.difference) * config.audio_channels,
            config.output_kernel_size,
            config.context,
        )

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        skips = []
        x = mixture
        for convolution in self.down[:-1]:
            x = F.leaky_relu(convolution(x), _SLOPE)
            skips.append(x)
            x = x[..., ::2]
        x = F.leaky_relu(self.down[-1](x), _SLOPE)
        *trims, mixture_trim, output_trim = self._trims
        for upsample, convolution, trim in zip(self.upsample, self.up, trims, strict=True):
            x = torch.cat([_trimmed(skips.pop(), trim), upsample(x)], dim=1)
            x = F.leaky_relu(convolution(x), _SLOPE)
        x = self.output(torch.cat([_trimmed(mixture, mixture_trim), x], dim=1))
        if self.config.activation == "tanh":
            x = torch.tanh(x)
        stems = x.reshape(x.shape[0], -1, self.audio_channels, x.shape[-1])
        if self.config.difference:
            rest = _trimmed(mixture, output_trim)[:, None] - stems.sum(1, keepdim=True)
            stems = torch.cat([stems, rest], dim=1)
        return stems


def _convolution(inner: int, outer: int, kernel_size: int, context: bool) -> nn.Conv1d:
    """Make a convolution with the initial weights of the published code."""
    convolution = nn.Conv1d(inner, outer, kernel_size, padding=0 if context else kernel_size // 2)
    nn.init.xavier_uniform_(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution


class _Upsampling(nn.Module):
    """Doubles the sample rate: inserts a weighted mean of the two neighbours after each sample.

    Maps ``(batch, channels, steps)`` to ``2 * steps`` steps, or to ``2 * steps - 1`` with context, where the last
    sample has no right neighbour. Without context that neighbour is zero (learned) or the last sample (linear).
    """

    def __init__(self, channels: int, *, learned: bool, context: bool) -> None:
        super().__init__()
        bound = (3 / channels) ** 0.5
        self.balance = nn.Parameter(torch.empty(channels, 1).uniform_(-bound, bound)) if learned else None
        self.context = context

    def forward(self, x: Tensor) -> Tensor:
        right = x[..., 1:]
        if not self.context:
            right = F.pad(right, (0, 1)) if self.balance is not None else torch.cat([right, x[..., -1:]], dim=-1)
        left = x[..., : right.shape[-1]]
        between = (left + right) / 2 if self.balance is None else torch.lerp(right, left, torch.sigmoid(self.balance))
        y = torch.stack([left, between], dim=-1).flatten(-2)
        return torch.cat([y, x[..., -1:]], dim=-1) if self.context else y


def _trimmed(x: Tensor, trim: int) -> Tensor:
    return x[..., trim : -trim or None]
