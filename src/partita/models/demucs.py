"""Demucs: a convolutional encoder, a BiLSTM and a transposed-convolution decoder with skip connections.

Music Source Separation in the Waveform Domain (Defossez, Usunier, Bottou, Bach, 2019), section 4. Every
variant of its ablation study is a field of :class:`DemucsConfig`. The x2 resampling is from the 2021 revision.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from partita.errors import ConfigError
from partita.models.base import ModelConfig, WaveformModel
from partita.models.convolutions import ContextConv1d, PointwiseConv1d, StridedConv1d, StridedConvTranspose1d
from partita.models.geometry import Geometry
from partita.models.initialisation import rescale_weights
from partita.models.recurrence import BidirectionalLSTM
from partita.models.resampling import SincResampler
from partita.models.stft import Stft

__all__ = ["Demucs", "DemucsConfig", "RatioMask"]

_EPSILON = 1e-8  # added to a power: where all estimates are silent, their shares are equal


@dataclass(frozen=True)
class DemucsConfig(ModelConfig):
    """The configuration of a Demucs; the defaults are the paper's (2019, 100 channels).

    Attributes:
        channels: Channels after the first encoder layer.
        depth: Number of encoder (and decoder) layers.
        kernel_size: Kernel size of the strided convolutions, in samples of their input.
        stride: Stride of the same; each layer shortens the signal by this factor.
        growth: Ratio of the channels of a layer to those of the layer above it.
        context: Kernel size of the decoder's convolution over neighbouring time steps.
        glu: Use gated linear units after the 1x1 and context convolutions, otherwise ReLU.
        rewrite: Use 1x1 convolutions in the encoder and context convolutions in the decoder.
        lstm_layers: Bidirectional LSTM layers between encoder and decoder; 0 for none.
        upsample: Replace the transposed convolution by linear upsampling and a convolution, and the stride by
            decimation, as in Wave-U-Net.
        rescale: Reference deviation of the initial weights (section 4.3); 0 turns rescaling off.
        resample: Work at twice the sample rate (2021 revision).
        consistent: Add the difference between the mixture and the sum of the stems to all stems in equal parts, so
            that they add up to the mixture (mixture consistency; Wisdom et al. 2019, "Differentiable consistency
            constraints for improved deep speech enhancement"). Not in the paper.
        mask: End in a ratio mask of the mixture's STFT, computed from the magnitudes of the estimates
            (:class:`RatioMask`): the stems then have the phase of the mixture and add up to it. The product of all
            strides must be a multiple of 1024. Not in the paper.
    """

    channels: int = 100
    depth: int = 6
    kernel_size: int = 8
    stride: int = 4
    growth: float = 2.0
    context: int = 3
    glu: bool = True
    rewrite: bool = True
    lstm_layers: int = 2
    upsample: bool = False
    rescale: float = 0.1
    resample: bool = False
    consistent: bool = False
    mask: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive("channels", "depth", "kernel_size", "stride", "context")
        if self.kernel_size < self.stride:
            raise ConfigError(f"kernel_size: must be at least the stride of {self.stride}, not {self.kernel_size}")
        if self.context % 2 == 0:
            raise ConfigError(f"context: must be odd to be centred, not {self.context}")
        if self.growth <= 0 or self.rescale < 0 or self.lstm_layers < 0:
            raise ConfigError("growth must be positive; rescale and lstm_layers must not be negative")


class Demucs(WaveformModel):
    """The paper's model.

    Encoder layer i: convolution (kernel 8, stride 4) and ReLU, 1x1 convolution and GLU. Then a BiLSTM and a
    linear layer. Decoder layer i: the encoder's output is added, a convolution over ``context`` steps and a
    GLU, a transposed convolution, and a ReLU except after the last. Nothing is padded inside: the output is
    shorter than the input by the context on both sides.
    """

    architecture = "demucs"

    def __init__(self, config: DemucsConfig) -> None:
        self.config = config
        lengths = _Lengths(config)
        super().__init__(config, lengths.geometry)
        self._trims = lengths.trims
        activation, gates = (nn.GLU(dim=1), 2) if config.glu else (nn.ReLU(), 1)
        stride = 1 if config.upsample else config.stride
        stem_channels = len(config.sources) * config.audio_channels

        self.encoder = nn.ModuleList()
        decoder: list[nn.Module] = []
        inner, channels = config.audio_channels, config.channels
        for index in range(config.depth):
            encode: list[nn.Module] = [StridedConv1d(inner, channels, config.kernel_size, stride), nn.ReLU()]
            decode: list[nn.Module] = []
            if config.rewrite:
                encode += [PointwiseConv1d(channels, gates * channels, 1), activation]
                decode += [ContextConv1d(channels, gates * channels, config.context), activation]
            outer = inner if index else (config.channels if config.upsample else stem_channels)
            if config.upsample:
                decode += [nn.Conv1d(channels, outer, config.kernel_size)]
            else:
                decode += [StridedConvTranspose1d(channels, outer, config.kernel_size, stride)]
            if index:
                decode += [nn.ReLU()]
            self.encoder.append(nn.Sequential(*encode))
            decoder.insert(0, nn.Sequential(*decode))
            inner, channels = channels, int(config.growth * channels)
        self.decoder = nn.ModuleList(decoder)
        self.lstm = BLSTM(inner, config.lstm_layers) if config.lstm_layers else None
        self.final = nn.Conv1d(config.channels + config.audio_channels, stem_channels, 1) if config.upsample else None
        self.resampler = SincResampler() if config.resample else None
        self.mask = RatioMask() if config.mask else None
        if config.rescale:
            rescale_weights(self, config.rescale)

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        x = self.resampler.upsample(mixture) if self.resampler else mixture
        skips = [x]
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
            if self.config.upsample:
                x = x[..., :: self.config.stride]
        if self.lstm is not None:
            x = self.lstm(x)
        trims = list(self._trims)
        for decode in self.decoder:
            if self.config.upsample:
                x = _linear_upsample(x, self.config.stride)
            x = decode(x + _trim(skips.pop(), trims.pop(0)))
        if self.final is not None:
            x = self.final(torch.cat([x, _trim(skips.pop(), trims.pop(0))], dim=1))
        if self.resampler:
            x = self.resampler.downsample(x)
        stems = x.reshape(x.shape[0], len(self.sources), self.audio_channels, x.shape[-1])
        left = (mixture.shape[-1] - x.shape[-1]) // 2
        middle = mixture[..., left : left + x.shape[-1]]
        if self.config.consistent:
            stems = stems + (middle - stems.sum(1)).unsqueeze(1) / len(self.sources)
        if self.mask is not None:
            first = self.geometry.left_context - left - self.mask.reach
            last = first + (x.shape[-1] - first) // self.mask.stft.hop * self.mask.stft.hop
            stems = self.mask(middle[..., first:last], stems[..., first:last])
        return stems


class RatioMask(nn.Module):
    """Turns estimates of stems into masks of the mixture's STFT: each stem gets its share of the sum of magnitudes.

    It is differentiable, so a loss on the masked mixture trains the estimates.

    Attributes:
        reach: Samples lost at either end, where too few frames overlap.
    """

    def __init__(self, n_fft: int = 4096, hop: int = 1024) -> None:
        super().__init__()
        self.stft = Stft(n_fft, hop)
        self.reach = self.stft.lost * hop

    def forward(self, mixture: Tensor, stems: Tensor) -> Tensor:
        """Mask a mixture.

        Args:
            mixture: ``(batch, channels, samples)``, a multiple of the hop.
            stems: ``(batch, sources, channels, samples)``.

        Returns:
            ``(batch, sources, channels, samples - 2 * reach)``.
        """
        magnitudes = (self.stft(stems.float()).power() + _EPSILON).sqrt()
        shares = magnitudes / magnitudes.sum(1, keepdim=True)
        return self.stft.inverse(self.stft(mixture.float()).map(lambda part: part[:, None]) * shares)


class BLSTM(nn.Module):
    """Bidirectional LSTM over time and a linear layer back to the input's channels (section 4.1)."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = BidirectionalLSTM(channels, layers)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to the same shape."""
        y: Tensor = self.linear(self.lstm(x.permute(2, 0, 1)))
        return y.permute(1, 2, 0)


class _Lengths:
    """The signal lengths of all layers for the shortest valid input: the trims and the geometry follow from them."""

    def __init__(self, config: DemucsConfig) -> None:
        kernel, stride, upsample = config.kernel_size, config.stride, config.upsample
        context = config.context - 1 if config.rewrite else 0
        steps = 1
        for _ in range(config.depth):  # the decoder needs context on every level
            steps = -(-steps // stride) + kernel - 1 if upsample else -(-(steps - kernel) // stride) + 1
            steps = max(1, steps) + context
        for _ in range(config.depth):
            steps = steps * stride + kernel - 1 if upsample else (steps - 1) * stride + kernel
        shortest_input = steps

        skips = [shortest_input]
        x = shortest_input
        for _ in range(config.depth):
            x = x - kernel + 1 if upsample else (x - kernel) // stride + 1
            skips.append(x)
            x = -(-x // stride) if upsample else x
        self.trims: list[tuple[int, int]] = []
        for _ in range(config.depth):
            x = (x - 1) * stride if upsample else x
            self.trims.append(_centred(skips.pop() - x))
            x -= context
            x = x - kernel + 1 if upsample else (x - 1) * stride + kernel
        if upsample:
            self.trims.append(_centred(skips.pop() - x))
        multiple = stride**config.depth
        edge = self._edge(config)
        if config.resample:
            if multiple % 2 or shortest_input % 2 or x % 2:
                raise ConfigError("resample: needs an even stride and kernel_size")
            multiple, shortest_input, x = multiple // 2, shortest_input // 2, x // 2
        if config.mask:
            mask = RatioMask()
            hop = mask.stft.hop
            if multiple % hop:
                raise ConfigError(f"mask: needs strides whose product is a multiple of {hop}, not {multiple}")
            lost = 2 * mask.reach + x % hop
            missing = max(0, -((x - lost - hop) // multiple))
            shortest_input, x = shortest_input + missing * multiple, x + missing * multiple - lost
            edge += mask.stft.n_fft - mask.reach
        self.geometry = Geometry(multiple, shortest_input, x, edge)

    @staticmethod
    def _edge(config: DemucsConfig) -> int:
        """Return how many samples at either end of the output lack a contribution of a neighbour in some layer."""
        edge = 2 * SincResampler.reach if config.resample else 0
        for _ in range(config.depth):
            edge = -(-edge // config.stride)
        for _ in range(config.depth):  # the last samples of a transposed convolution lack one summand
            edge = edge * config.stride if config.upsample else (edge - 1) * config.stride + config.kernel_size
        return -(-edge // 2) + SincResampler.reach if config.resample else edge


def _centred(excess: int) -> tuple[int, int]:
    return excess // 2, excess - excess // 2


def _trim(x: Tensor, trim: tuple[int, int]) -> Tensor:
    left, right = trim
    return x[..., left : -right if right else None]


def _linear_upsample(x: Tensor, factor: int) -> Tensor:
    """Interpolate ``(batch, channels, steps)`` to ``(steps - 1) * factor`` samples."""
    weight = torch.arange(factor, dtype=x.dtype, device=x.device) / factor
    y = torch.lerp(x[..., :-1, None], x[..., 1:, None], weight)
    return y.flatten(-2)
