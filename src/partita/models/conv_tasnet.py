"""Conv-TasNet for music: masks over a learned filter bank, from a stack of dilated convolutions.

Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech Separation (Luo, Mesgarani, 2019), in the
form that Music Source Separation in the Waveform Domain (2019) compares Demucs with: stereo, 44.1 kHz, four sources.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.base import WaveformModel
from partita.models.configurations.conv_tasnet import ConvTasNetConfig

__all__ = ["ConvTasNet", "ConvTasNetConfig"]

_EPSILON = 1e-8  # added to a variance


class ConvTasNet(WaveformModel):
    """Multiplies the output of a filter bank by a mask for each source and turns it back into a waveform.

    Every block normalises by the mean and the deviation of its whole input (global layer normalisation), so each output
    sample depends on the whole window. Windows agree only as well as their statistics, and should be about as long as
    the training excerpts. The geometry's edge is therefore not the reach of the convolutions (0.9 s with the
    defaults, most of it silence around a short track), but the half filter at either end where only one of two
    overlapping filters contributes. Blending the windows fades out the rest.
    """

    architecture = "conv-tasnet"

    def __init__(self, config: ConvTasNetConfig) -> None:
        self.config = config
        hop = config.filter_size // 2
        super().__init__(config)
        self.encoder = nn.Conv1d(config.audio_channels, config.filters, config.filter_size, hop, bias=False)
        self.norm = nn.LayerNorm(config.filters, eps=_EPSILON)
        self.bottleneck = nn.Conv1d(config.filters, config.bottleneck, 1, bias=False)
        self.blocks = nn.Sequential(
            *(_Block(config, dilation=2**index) for _ in range(config.stacks) for index in range(config.blocks))
        )
        self.mask = nn.Conv1d(config.bottleneck, len(config.sources) * config.filters, 1, bias=False)
        self.decoder = nn.ConvTranspose1d(config.filters, config.audio_channels, config.filter_size, hop, bias=False)
        self._initialise()

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        features = F.relu(self.encoder(mixture))
        batch, filters, steps = features.shape
        x = self.norm(features.transpose(1, 2)).transpose(1, 2)
        masks = F.relu(self.mask(self.blocks(self.bottleneck(x)))).reshape(batch, len(self.sources), filters, steps)
        stems: Tensor = self.decoder((masks * features[:, None]).flatten(0, 1))
        return stems.reshape(batch, len(self.sources), self.audio_channels, stems.shape[-1])

    def _initialise(self) -> None:
        """Draw the initial weights as the published code does: by Xavier's rule, the normalisations' gains as well.

        So a block initially adds a small correction to its input, with random signs.
        """
        for module in self.modules():
            if isinstance(module, nn.GroupNorm | nn.LayerNorm):
                for parameter in module.parameters():
                    nn.init.xavier_normal_(parameter[:, None])
            elif isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                weight = module.weight.flatten(1) if module is self.decoder else module.weight
                nn.init.xavier_normal_(weight)


class _GlobalNorm(nn.GroupNorm):
    """Normalises ``(batch, channels, steps)`` by mean and deviation of each example, with gains and offsets."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.onnx.is_in_onnx_export():
            return super().forward(x)
        # ONNX Runtime would sum all values in one float32 (an error of 1e-3 in 10 s); so sum channels first
        centred = x - x.mean(2, keepdim=True).mean(1, keepdim=True)
        variance = centred.square().mean(2, keepdim=True).mean(1, keepdim=True)
        return centred * (self.weight[:, None] / torch.sqrt(variance + self.eps)) + self.bias[:, None]


class _Block(nn.Module):
    """A residual block with a dilated depthwise convolution, ``(batch, bottleneck, steps)`` to the same shape."""

    def __init__(self, config: ConvTasNetConfig, *, dilation: int) -> None:
        super().__init__()
        hidden = config.hidden
        self.layers = nn.Sequential(
            nn.Conv1d(config.bottleneck, hidden, 1, bias=False),
            nn.PReLU(),
            _GlobalNorm(hidden),
            nn.Conv1d(
                hidden,
                hidden,
                config.kernel_size,
                padding=(config.kernel_size - 1) // 2 * dilation,
                dilation=dilation,
                groups=hidden,
                bias=False,
            ),
            nn.PReLU(),
            _GlobalNorm(hidden),
            nn.Conv1d(hidden, config.bottleneck, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y
