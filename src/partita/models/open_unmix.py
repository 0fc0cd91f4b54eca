"""Open-Unmix: masks for magnitude spectrograms from recurrent networks, one per source, and a Wiener filter.

Open-Unmix: A Reference Implementation for Music Source Separation (Stoter, Uhlich, Liutkus, Mitsufuji, 2019). The
weights of a network have the names of the published ones, so those can be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models.base import Distance, ModelConfig, WaveformModel
from partita.models.geometry import Geometry
from partita.models.stft import Stft
from partita.models.wiener import wiener_filter

__all__ = ["OpenUnmix", "OpenUnmixConfig"]

_LEAST_DEVIATION = 1e-4  # of the largest, so that bins without sound are not amplified


@dataclass(frozen=True)
class OpenUnmixConfig(ModelConfig):
    """The configuration of an Open-Unmix; the defaults are the published ones.

    Attributes:
        n_fft: Length of a frame of the spectrogram, in samples.
        hop: Samples from one frame to the next.
        bandwidth: Highest frequency of the input of the networks, in Hz; their masks cover all frequencies.
        hidden: Width of a network; each direction of the LSTM has half of it.
        layers: Bidirectional LSTM layers.
        dropout: Dropout probability between LSTM layers, in training.
        wiener_iterations: Iterations of the Wiener filter; 0 applies the masks alone.
        wiener_frames: Number of consecutive frames with a common estimate of the spatial covariance.
    """

    n_fft: int = 4096
    hop: int = 1024
    bandwidth: float = 16000.0
    hidden: int = 512
    layers: int = 3
    dropout: float = 0.4
    wiener_iterations: int = 1
    wiener_frames: int = 300

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive("layers", "wiener_frames")
        if self.hidden < 2 or self.hidden % 2:
            raise ConfigError(f"hidden: must be even, because each direction has half of it, not {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout: must be at least 0 and less than 1, not {self.dropout}")
        if not self.bandwidth > 0:
            raise ConfigError(f"bandwidth: must be more than 0 Hz, not {self.bandwidth}")
        if self.wiener_iterations < 0:
            raise ConfigError(f"wiener_iterations: must not be negative, not {self.wiener_iterations}")
        if self.wiener_iterations and len(self.sources) == 1:
            raise ConfigError("wiener_iterations: set it to 0 for a single source, which would get the whole mixture")

    @property
    def heard_bins(self) -> int:
        """Number of frequency bins up to the bandwidth."""
        return min(self.n_fft // 2, int(self.bandwidth * self.n_fft / self.sample_rate)) + 1


class OpenUnmix(WaveformModel):
    """The published model: a mask for each source from the magnitudes of a spectrogram.

    The masks depend on all frames of the window, because the LSTM is bidirectional; so the geometry has no context
    beyond the frames that overlap a sample.
    """

    architecture = "open-unmix"

    def __init__(self, config: OpenUnmixConfig) -> None:
        stft = Stft(config.n_fft, config.hop)
        super().__init__(config, Geometry(config.hop, (2 * stft.lost + 1) * config.hop, config.hop))
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
