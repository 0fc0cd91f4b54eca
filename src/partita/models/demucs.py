"""Demucs: a convolutional encoder, a BiLSTM and a transposed-convolution decoder with skip connections.

Music Source Separation in the Waveform Domain (Defossez, Usunier, Bottou, Bach, 2019), section 4. Every
variant of its ablation study is a field of :class:`DemucsConfig`. The x2 resampling is from the 2021 revision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partita.models.base import WaveformModel
from partita.models.configurations.demucs import MASK_HOP, MASK_N_FFT, DemucsConfig, DemucsLengths
from partita.models.convolutions import ContextConv1d, PointwiseConv1d, StridedConv1d, StridedConvTranspose1d
from partita.models.initialisation import rescale_weights
from partita.models.recurrence import BidirectionalLSTM
from partita.models.resampling import SincResampler
from partita.models.stft import Stft

__all__ = ["Demucs", "DemucsConfig", "RatioMask"]

_EPSILON = 1e-8  # added to a power: where all estimates are silent, their shares are equal


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
        super().__init__(config)
        self._trims = DemucsLengths(config).trims
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

    def __init__(self, n_fft: int = MASK_N_FFT, hop: int = MASK_HOP) -> None:
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


def _trim(x: Tensor, trim: tuple[int, int]) -> Tensor:
    left, right = trim
    return x[..., left : -right if right else None]


def _linear_upsample(x: Tensor, factor: int) -> Tensor:
    """Interpolate ``(batch, channels, steps)`` to ``(steps - 1) * factor`` samples."""
    weight = torch.arange(factor, dtype=x.dtype, device=x.device) / factor
    y = torch.lerp(x[..., :-1, None], x[..., 1:, None], weight)
    return y.flatten(-2)
