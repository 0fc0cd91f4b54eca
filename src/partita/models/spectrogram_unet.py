"""Spectrogram U-Net: masks for magnitude spectrograms from convolutional networks, one per source.

Singing Voice Separation with Deep U-Net Convolutional Networks (Jansson, Humphrey, Montecchio, Bittner, Kumar, Weyde,
2017), in the form of Spleeter (Hennequin, Khlif, Voituret, Moussallam, 2020).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.base import Distance, WaveformModel
from partita.models.configurations.spectrogram_unet import SpectrogramUNetConfig
from partita.models.stft import Stft

__all__ = ["SpectrogramUNet", "SpectrogramUNetConfig"]

_EPSILON = 1e-10  # of energy, so that silence is divided equally


class SpectrogramUNet(WaveformModel):
    """Spleeter's model: a U-Net for each source; the mixture is divided in proportion to their magnitudes.

    The convolutions are padded, as published, and reach further than the context, so the output of a sample changes
    slightly with the position of the window.
    """

    architecture = "spectrogram-unet"

    def __init__(self, config: SpectrogramUNetConfig) -> None:
        super().__init__(config)
        self.config = config
        self.stft = Stft(config.n_fft, config.hop)
        self.networks = nn.ModuleList(_UNet(config) for _ in config.sources)

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        spectrum = self.stft(mixture)
        magnitude = self._seen(spectrum.magnitude())
        kept = slice(self.config.context, -self.config.context or None)
        masks = self._masks(magnitude)[..., kept, :]
        if self.config.ratio_exponent:
            masks = _ratios(masks * magnitude[:, None, :, kept], self.config.ratio_exponent)
        missing = (0, self.stft.bins - self.config.bins)
        if self.config.extension == "average":
            masks = torch.cat([masks, masks.mean(-1, keepdim=True).expand(*masks.shape[:-1], missing[1])], -1)
        else:
            masks = F.pad(masks, missing)
        return self.stft.inverse(spectrum.map(lambda part: part[:, None, :, kept]) * masks)

    def loss(self, mixture: Tensor, stems: Tensor, distance: Distance) -> Tensor:
        """Return the distance of masked magnitudes from those of the stems, in the processed bins of all frames.

        Args and return value are those of :meth:`WaveformModel.loss`; the paper's distance is the absolute error.
        """
        with torch.no_grad():
            magnitude, targets = (self._seen(self.stft(x).magnitude()) for x in (mixture, stems))
        return distance(self._masks(magnitude) * magnitude[:, None], targets)

    def _seen(self, magnitude: Tensor) -> Tensor:
        """Return the lowest bins, scaled so that white noise of deviation 1 has a mean square of 3/8."""
        return magnitude[..., : self.config.bins] / math.sqrt(self.config.n_fft)

    def _masks(self, magnitude: Tensor) -> Tensor:
        """Map ``(batch, channels, frames, bins)`` to ``(batch, sources, channels, frames, bins)``."""
        return torch.stack([network(magnitude) for network in self.networks], 1)


def _ratios(magnitudes: Tensor, exponent: float) -> Tensor:
    """Return each source's share in the sum over dimension 1."""
    powers = magnitudes**exponent
    return (powers + _EPSILON / powers.shape[1]) / (powers.sum(1, keepdim=True) + _EPSILON)


class _UNet(nn.Module):
    """The network of one source."""

    def __init__(self, config: SpectrogramUNetConfig) -> None:
        super().__init__()
        filters, depth = config.filters, len(config.filters)
        self.encoder = nn.ModuleList(
            nn.Conv2d(inner, outer, 5, stride=2)
            for inner, outer in zip((config.audio_channels, *filters), filters, strict=False)
        )
        self.encoder_norms = nn.ModuleList(_norm(channels) for channels in filters[:-1])
        self.decoder = nn.ModuleList()
        self.decoder_norms = nn.ModuleList()
        for level in reversed(range(depth)):
            inner, outer = filters[level] * (1 if level == depth - 1 else 2), filters[level - 1] if level else 1
            self.decoder.append(nn.ConvTranspose2d(inner, outer, 5, stride=2, padding=1))
            self.decoder_norms.append(_norm(outer))
        self.mask = nn.Conv2d(1, config.audio_channels, 4, dilation=2, padding=3)
        self.encoder_activation: nn.Module = nn.ELU() if config.elu else nn.LeakyReLU(0.2)
        self.decoder_activation: nn.Module = nn.ELU() if config.elu else nn.ReLU()
        self.dropout = nn.Dropout(config.dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.get_parameter("bias"))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map magnitudes ``(batch, channels, frames, bins)`` to a mask of the same shape, 0 to 1."""
        x, skips = magnitude, []
        for index, convolution in enumerate(self.encoder):
            x = convolution(F.pad(x, (1, 2, 1, 2)))
            if index < len(self.encoder_norms):
                skips.append(x)
                x = self.encoder_activation(self.encoder_norms[index](x))
        for index, (convolution, norm) in enumerate(zip(self.decoder, self.decoder_norms, strict=True)):
            x = norm(self.decoder_activation(convolution(x)[..., :-1, :-1]))
            if index < 3:
                x = self.dropout(x)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
        return torch.sigmoid(self.mask(x))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)
