"""The configuration of the spectrogram U-Net."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError, nearest
from partita.models.configurations.base import ModelConfig
from partita.models.configurations.signals import lost_hops
from partita.models.geometry import Geometry

__all__ = ["SpectrogramUNetConfig"]

EXTENSIONS = ("average", "zeros")
_MOST_LEVELS = 20


@dataclass(frozen=True)
class SpectrogramUNetConfig(ModelConfig):
    """The configuration of a spectrogram U-Net; the defaults are Spleeter's.

    Attributes:
        n_fft: Length of a frame of the spectrogram, in samples.
        hop: Samples from one frame to the next.
        bins: Number of the lowest frequency bins that the networks process; a multiple of 2 to the number of levels.
        filters: Channels of the levels; each level halves frames and bins.
        elu: Use ELU everywhere, otherwise leaky ReLU in the encoder and ReLU in the decoder.
        dropout: Dropout probability after the first three layers of the decoder, in training.
        ratio_exponent: The mixture is divided in proportion to the estimated magnitudes to this power; 0 applies each
            mask by itself, as Jansson et al. do.
        extension: The mask above the processed bins: ``average`` (of those below) or ``zeros``.
        context: Frames at either end that are processed but not returned, because the convolutions lack neighbours.
    """

    n_fft: int = 4096
    hop: int = 1024
    bins: int = 1024
    filters: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    elu: bool = False
    dropout: float = 0.5
    ratio_exponent: float = 2.0
    extension: str = "average"
    context: int = 32

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        object.__setattr__(self, "filters", tuple(self.filters))
        super().__post_init__()
        self._require_positive("n_fft", "hop")
        if len(self.filters) > _MOST_LEVELS:
            raise ConfigError(f"filters: at most {_MOST_LEVELS} levels, not {len(self.filters)}")
        if len(self.filters) < 2 or min(self.filters) < 1:
            raise ConfigError(f"filters: give the channels of at least two levels, not {list(self.filters)}")
        multiple = 2 ** len(self.filters)
        if self.bins < 1 or self.bins % multiple or self.bins > self.n_fft // 2 + 1:
            raise ConfigError(
                f"bins: must be a multiple of {multiple} (there are {len(self.filters)} levels) and no more than the "
                f"{self.n_fft // 2 + 1} that n_fft gives, not {self.bins}"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout: must be at least 0 and less than 1, not {self.dropout}")
        if self.ratio_exponent < 0 or self.context < 0:
            raise ConfigError("ratio_exponent and context: must not be negative")
        if self.ratio_exponent and len(self.sources) == 1:
            raise ConfigError("ratio_exponent: set it to 0 for a single source, which would get the whole mixture")
        if self.extension not in EXTENSIONS:
            raise ConfigError(f"extension: invalid value {self.extension!r}{nearest(self.extension, EXTENSIONS)}")

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts: frames in multiples of all strides."""
        hops = lost_hops(self.n_fft, self.hop)
        multiple = 2 ** len(self.filters)
        lost = hops + 2 * self.context
        shortest = lost // multiple * multiple + multiple  # frames
        return Geometry(multiple * self.hop, (shortest + hops) * self.hop, (shortest - lost) * self.hop)
