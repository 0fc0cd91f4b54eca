"""Wave-U-Net: a U-Net on the waveform that halves, then doubles, the sample rate from level to level.

Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio Source Separation (Stoller, Ewert, Dixon, 2018);
by default its best variant; the fields of :class:`WaveUNetConfig` give all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models.base import ModelConfig, WaveformModel
from partita.models.geometry import Geometry

__all__ = ["WaveUNet", "WaveUNetConfig"]

_SLOPE = 0.2  # of the leaky ReLU for negative inputs


@dataclass(frozen=True)
class WaveUNetConfig(ModelConfig):
    """The configuration of a Wave-U-Net.

    The defaults are the paper's best model at 44.1 kHz (M5-HighSR) with the four sources of its M6, except for the
    activation. M6 itself is ``sample_rate=22050, upsampling="linear", activation="tanh"``; the first baseline (M1)
    also has ``audio_channels=1, context=False, difference=False``.

    Attributes:
        levels: Number of levels, each of which halves the sample rate.
        filters: Channels of the first level; each further level has this many more.
        kernel_size: Kernel size of the convolutions before each halving, in samples.
        up_kernel_size: Kernel size of the convolutions after each doubling.
        output_kernel_size: Kernel size of the last convolution.
        upsampling: The sample inserted between two neighbours when the rate is doubled: ``linear``, their mean, or
            ``learned``, a trained weighting of the two in every channel.
        context: Do not pad the convolutions, so that the output is shorter than the input (the paper's input
            context); otherwise the input of every convolution is padded with zeros.
        difference: Compute the last stem as the mixture minus the others.
        activation: Activation of the output: ``tanh`` as published, for samples within [-1, 1], or ``linear``.
            Partita scales mixtures to a deviation of 1, so their peaks exceed the range of ``tanh``. It also omits
            the clipping that the published code combines with ``linear`` outside training.
    """

    levels: int = 12
    filters: int = 24
    kernel_size: int = 15
    up_kernel_size: int = 5
    output_kernel_size: int = 1
    upsampling: str = "learned"
    context: bool = True
    difference: bool = True
    activation: str = "linear"

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        if self.difference and len(self.sources) < 2:
            raise ConfigError("difference: needs at least two sources; add one, or set it to false")
        self._require_positive("levels", "filters")
        for name in ("kernel_size", "up_kernel_size", "output_kernel_size"):
            if getattr(self, name) < 1 or getattr(self, name) % 2 == 0:
                raise ConfigError(f"{name}: must be odd to be centred, not {getattr(self, name)}")
        for name, known in (("upsampling", ("linear", "learned")), ("activation", ("linear", "tanh"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: must be {' or '.join(known)}, not {getattr(self, name)!r}")


class WaveUNet(WaveformModel):
    """The paper's model.

    On the way down each level convolves (leaky ReLU) and keeps every second sample; one more convolution follows
    the last. On the way up each level doubles the rate, appends what the level held on the way down and convolves.
    The mixture itself is appended before the last convolution, one filter for each channel of each stem.
    """

    architecture = "wave-unet"

    def __init__(self, config: WaveUNetConfig) -> None:
        self.config = config
        lengths = _ContextLengths(config) if config.context else None
        super().__init__(config, lengths.geometry if lengths else _padded_geometry(config))
        self._trims = lengths.trims if lengths else [0] * (config.levels + 2)
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


class _ContextLengths:
    """The signal lengths of all levels for the shortest output with context: trims and geometry follow from them.

    All kernels and all signals that are halved have odd lengths, so every crop is symmetric.
    """

    def __init__(self, config: WaveUNetConfig) -> None:
        down, up, last = config.kernel_size - 1, config.up_kernel_size - 1, config.output_kernel_size - 1
        steps = 1 + last
        for _ in range(config.levels):
            steps = -(-(steps + up + 1) // 2)
        shortest_input, levels = steps + down, []
        for _ in range(config.levels):
            levels.append(2 * shortest_input - 1)
            shortest_input = levels[-1] + down
        self.trims = []
        for length in levels:
            steps = 2 * steps - 1
            self.trims.append((length - steps) // 2)
            steps -= up
        self.trims += [(shortest_input - steps) // 2, (shortest_input - steps + last) // 2]
        self.geometry = Geometry(2**config.levels, shortest_input, steps - last)


def _padded_geometry(config: WaveUNetConfig) -> Geometry:
    """Return the geometry without context: equal lengths, and edges that the padding affects."""
    down, up, last = config.kernel_size // 2, config.up_kernel_size // 2, config.output_kernel_size // 2
    edges = []
    for right in (0, 1):  # the first of two samples is kept, to the left of the inserted one
        edge, skips = 0, []
        for _ in range(config.levels):
            skips.append(edge + down)
            edge = (skips[-1] + 1 - right) // 2
        edge += down
        for _ in range(config.levels):
            edge = max(2 * edge + right, skips.pop()) + up
        edges.append(edge + last)
    multiple = 2**config.levels
    return Geometry(multiple, multiple, multiple, max(edges))


def _trimmed(x: Tensor, trim: int) -> Tensor:
    return x[..., trim : -trim or None]
