"""Open-Unmix: masks for magnitude spectrograms from recurrent networks, one per source, and a Wiener filter.

Open-Unmix: A Reference Implementation for Music Source Separation (Stoter, Uhlich, Liutkus, Mitsufuji, 2019). The
weights of a network have the names of the published ones, so those can be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models.base import Distance, WaveformModel
from partita.models.configurations.open_unmix import OpenUnmixConfig
from partita.models.stft import Stft
from partita.models.wiener import wiener_filter

__all__ = ["OpenUnmix", "OpenUnmixConfig"]

_LEAST_DEVIATION = 1e-4  # of the largest, so that bins without sound are not amplified


class OpenUnmix(WaveformModel):
    """The published model: a mask for each source from the magnitudes of a spectrogram.

    The masks depend on all frames of the window, because the LSTM is bidirectional; so the geometry has no context
    beyond the frames that overlap a sample.
    """

    architecture = "open-unmix"

    def __init__(self, config: OpenUnmixConfig) -> None:
        super().__init__(config)
        stft = Stft(config.n_fft, config.hop)
        self.config = config
        self.stft = stft
        self.networks = nn.ModuleList(_MaskNetwork(config, stft.bins) for _ in config.sources)

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        spectrum = self.stft(mixture)
        masks = self._masks(spectrum.magnitude())
        stems = spectrum.map(lambda part: part[:, None]) * masks
        if self.config.wiener_iterations:
            stems = wiener_filter(stems, spectrum, self.config.wiener_iterations, self.config.wiener_frames)
        return self.stft.inverse(stems)

    def loss(self, mixture: Tensor, stems: Tensor, distance: Distance) -> Tensor:
        """Return the distance of masked magnitudes from those of the stems, before the Wiener filter.

        Args and return value are those of :meth:`WaveformModel.loss`; the paper's distance is the squared error.
        """
        with torch.no_grad():
            magnitude, targets = self.stft(mixture).magnitude(), self.stft(stems).magnitude()
        return distance(self._masks(magnitude) * magnitude[:, None], targets)

    @torch.no_grad()
    def calibrate(self, mixtures: Iterable[Tensor]) -> None:
        """Normalise the networks' input to mean 0 and deviation 1 at every frequency.

        Args:
            mixtures: Examples ``(batch, channels, samples)``, each of at least one frame.

        Raises:
            ConfigError: The examples are silent.
        """
        count = 0
        total, squares = torch.zeros(2, self.config.heard_bins, dtype=torch.float64)
        for mixture in mixtures:
            whole = mixture.shape[-1] // self.config.hop * self.config.hop
            magnitude = self.stft(mixture[..., :whole]).magnitude().mean(1)[..., : self.config.heard_bins]
            frames = magnitude.flatten(0, -2).double().cpu()
            count += len(frames)
            total += frames.sum(0)
            squares += frames.square().sum(0)
        mean = total / max(1, count)
        deviation = (squares / max(1, count) - mean.square()).clamp(min=0).sqrt()
        if not deviation.max() > 0:
            raise ConfigError("mixtures: the examples are silent; check the songs with partita data check")
        scale = 1 / deviation.clamp(min=_LEAST_DEVIATION * float(deviation.max()))
        for network in self.networks:
            network.get_parameter("input_mean").copy_(-mean)
            network.get_parameter("input_scale").copy_(scale)

    def _masks(self, magnitude: Tensor) -> Tensor:
        """Map ``(batch, channels, frames, bins)`` to ``(batch, sources, channels, frames, bins)``."""
        return torch.stack([network(magnitude) for network in self.networks], 1)


class _MaskNetwork(nn.Module):
    """The network of one source."""

    def __init__(self, config: OpenUnmixConfig, bins: int) -> None:
        super().__init__()
        hidden, channels, heard = config.hidden, config.audio_channels, config.heard_bins
        self.fc1 = nn.Linear(heard * channels, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        dropout = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(hidden, hidden // 2, config.layers, bidirectional=True, dropout=dropout)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, bins * channels, bias=False)
        self.bn3 = nn.BatchNorm1d(bins * channels)
        self.input_mean = nn.Parameter(torch.zeros(heard))  # added to the input: the negative mean
        self.input_scale = nn.Parameter(torch.ones(heard))
        self.output_scale = nn.Parameter(torch.ones(bins))
        self.output_mean = nn.Parameter(torch.ones(bins))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map magnitudes ``(batch, channels, frames, bins)`` to a mask of the same shape, 0 or more."""
        batch, channels, frames, bins = magnitude.shape
        x = (magnitude[..., : self.input_mean.shape[0]] + self.input_mean) * self.input_scale
        x = self.bn1(self.fc1(x.permute(2, 0, 1, 3).flatten(2).flatten(0, 1)))
        x = torch.tanh(x).reshape(frames, batch, -1)
        x = torch.cat([x, self.lstm(x)[0]], -1).flatten(0, 1)
        x = F.relu(self.bn2(self.fc2(x)))
        x = self.bn3(self.fc3(x)).reshape(frames, batch, channels, bins)
        return F.relu(x * self.output_scale + self.output_mean).permute(1, 2, 0, 3)
