"""The configuration of the residual Demucs."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.residual_unet import ResidualUNetConfig
from partita.models.geometry import Geometry

__all__ = ["ResidualDemucsConfig"]


@dataclass(frozen=True)
class ResidualDemucsConfig(ResidualUNetConfig):
    """The configuration of a residual Demucs; the defaults are the published ones.

    Attributes:
        normalise: Bring the input to mean 0 and deviation 1.
        resample: Work at twice the sample rate.
    """

    channels: int = 64
    normalise: bool = True
    resample: bool = True

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        if self.resample and (self.stride % 2 or self.kernel_size % 2):
            raise ConfigError("resample: needs an even stride and kernel_size")

    @property
    def multiple(self) -> int:
        """The product of all strides, in samples: the input is extended to a length that is so many more or fewer."""
        product: int = self.stride**self.depth
        return product // 2 if self.resample else product

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts: any from that of a single step on."""
        steps = 1
        for _ in range(self.depth):
            steps = (steps - 1) * self.stride + self.kernel_size
        shortest = steps // 2 if self.resample else steps
        return Geometry(1, shortest, shortest)
