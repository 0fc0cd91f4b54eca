"""The configurations of the hybrid models."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.residual_unet import Level, ResidualUNetConfig
from partita.models.geometry import Geometry

__all__ = ["HybridConfig", "HybridDemucsConfig", "HybridTransformerDemucsConfig"]


@dataclass(frozen=True)
class HybridConfig(ResidualUNetConfig):
    """What the configurations of hybrid models have in common.

    Attributes:
        n_fft: Length of a frame of the spectrogram, in samples; a frame begins every quarter of it.
        time_stride: Stride of the layers below the one that joins both branches.
        complex_spectrogram: The spectrogram branch reads and estimates real and imaginary parts; otherwise magnitudes,
            to which the phase of the mixture is given.
        frequency_embedding: Factor of the learned embedding of the frequency, added after the first layer.
        embedding_scale: Factor of the same that speeds up its training.
        bands: Ends of all frequency bands but the last, as fractions of the spectrum; each band has its own weights in
            the outermost layers. Empty for the same weights everywhere.
        banded_layers: The number of those layers.
        legacy_padding: Reproduce the padding of the models of the Music Demixing Challenge 2021: zeros around the
            signal and a spectrogram branch that lags by 3/8 of a frame.
    """

    n_fft: int = 4096
    time_stride: int = 2
    complex_spectrogram: bool = True
    frequency_embedding: float = 0.2
    embedding_scale: float = 10.0
    bands: tuple[float, ...] = ()
    banded_layers: int = 2
    legacy_padding: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        object.__setattr__(self, "bands", tuple(self.bands))
        super().__post_init__()
        if self.kernel_size != 2 * self.stride or self.stride % 2:
            raise ConfigError(f"kernel_size: must be twice an even stride, not {self.kernel_size} with {self.stride}")
        if self.time_stride < 2 or self.time_stride % 2:
            raise ConfigError(f"time_stride: must be even, not {self.time_stride}")
        if list(self.bands) != sorted(set(self.bands)) or any(not 0 < end < 1 for end in self.bands):
            raise ConfigError(f"bands: must be ascending and between 0 and 1, not {list(self.bands)}")
        if self.bands and self.banded_layers > self.norm_starts:
            raise ConfigError(f"banded_layers: at most {self.norm_starts} (norm_starts), not {self.banded_layers}")
        if self.embedding_scale <= 0:
            raise ConfigError(f"embedding_scale: must be positive, not {self.embedding_scale}")
        self.levels()

    def levels(self) -> list[tuple[Level, Level | None]]:
        """Return the levels of the spectrogram branch and, down to where they join, of the waveform branch.

        The layer that reduces the spectrogram to a single row is not padded along the frequencies.
        """
        rows = self.n_fft // 2
        found: list[tuple[Level, Level | None]] = []
        for index in range(self.depth):
            channels = self.channels * self.growth**index
            kernel, stride = self.kernel_size, self.stride
            waveform = Level(index, channels, (1, kernel), (1, stride), (0, kernel // 4))
            if rows == 1:
                steps = self.time_stride
                found.append((Level(index, channels, (1, 2 * steps), (1, steps), (0, steps // 2)), None))
            elif rows <= kernel:
                if self.n_fft // 4 != stride ** (index + 1):
                    raise ConfigError(f"n_fft: {self.n_fft} is not four times a power of the stride of {stride}")
                found.append((Level(index, channels, (rows, 1), (stride, 1), (0, 0)), waveform))
                rows = 1
            else:
                if rows % stride:
                    raise ConfigError(f"n_fft: {self.n_fft} is too short for a depth of {self.depth}")
                found.append((Level(index, channels, (kernel, 1), (stride, 1), (kernel // 4, 0)), waveform))
                rows //= stride
        return found

    @property
    def shortest(self) -> int:
        """Length of the shortest input, in samples."""
        return self.n_fft

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts: any from the shortest on."""
        return Geometry(1, self.shortest, self.shortest)


@dataclass(frozen=True)
class HybridDemucsConfig(HybridConfig):
    """The configuration of a Hybrid Demucs; the defaults are the published ones."""


@dataclass(frozen=True)
class HybridTransformerDemucsConfig(HybridConfig):
    """The configuration of a Hybrid Transformer Demucs; the defaults are those of the published ``htdemucs``.

    Attributes:
        transformer_layers: Layers for each branch; self-attention and attention to the other branch alternate.
        transformer_channels: Channels inside the transformer; 0 for those of the innermost layer.
        transformer_heads: Attention heads.
        transformer_expansion: Ratio of the channels of the feed-forward layers to those of the transformer.
        transformer_scale: Initial factor of what attention and feed-forward layers add.
        dropout: Dropout probability inside the transformer, in training.
        max_period: Longest period of the positional embeddings, in positions.
        segment: Training length in seconds; a shorter input is extended by silence.
    """

    depth: int = 4
    branches: str = "both"
    branch_compression: int = 8
    branch_scale: float = 1e-3
    transformer_layers: int = 5
    transformer_channels: int = 512
    transformer_heads: int = 8
    transformer_expansion: float = 4.0
    transformer_scale: float = 1e-4
    dropout: float = 0.02
    max_period: float = 10000.0
    segment: float = 7.8

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive("transformer_layers", "transformer_heads")
        width = self.width
        if width < 4 or width % 4 or width % self.transformer_heads:
            raise ConfigError(
                f"transformer_channels: {width} channels do not divide into {self.transformer_heads} heads and four "
                "parts of a positional embedding"
            )
        if self.transformer_expansion <= 0 or not 0 <= self.dropout < 1:
            raise ConfigError("transformer_expansion must be positive; dropout at least 0 and less than 1")
        if self.max_period <= 1 or self.segment <= 0:
            raise ConfigError("max_period must be greater than 1, segment greater than 0")
        if any(waveform is None or level.padding == (0, 0) for level, waveform in self.levels()):
            raise ConfigError(f"depth: {self.depth} layers leave no frequencies to attend to; use fewer")

    @property
    def width(self) -> int:
        """Channels of the transformer."""
        return self.transformer_channels or self.channels * self.growth ** (self.depth - 1)

    @property
    def shortest(self) -> int:
        """Length of the shortest input, in samples."""
        return max(self.n_fft, round(self.segment * self.sample_rate))
