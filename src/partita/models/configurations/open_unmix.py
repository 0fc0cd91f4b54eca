"""The configuration of Open-Unmix."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.base import ModelConfig
from partita.models.configurations.signals import lost_hops
from partita.models.geometry import Geometry

__all__ = ["OpenUnmixConfig"]


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

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts: whole hops, and the frames that overlap a sample around them."""
        return Geometry(self.hop, (2 * lost_hops(self.n_fft, self.hop) + 1) * self.hop, self.hop)
