"""The configuration of Conv-TasNet."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.base import ModelConfig
from partita.models.geometry import Geometry

__all__ = ["ConvTasNetConfig"]


@dataclass(frozen=True)
class ConvTasNetConfig(ModelConfig):
    """The configuration of a Conv-TasNet; the defaults are those of the paper's comparison (2019).

    Attributes:
        filters: Number of filters in the filter bank (N in the paper).
        filter_size: Length of the filters in samples (L); the hop is half of it.
        bottleneck: Channels between the blocks (B).
        hidden: Channels within a block (H).
        kernel_size: Kernel size of the dilated convolutions (P).
        blocks: Blocks in a stack, with dilations of 1, 2, 4, ... (X).
        stacks: Number of stacks (R).
    """

    filters: int = 256
    filter_size: int = 20
    bottleneck: int = 256
    hidden: int = 512
    kernel_size: int = 3
    blocks: int = 10
    stacks: int = 4

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive("filters", "bottleneck", "hidden", "blocks", "stacks")
        if self.filter_size < 2 or self.filter_size % 2:
            raise ConfigError(f"filter_size: must be even to hop by half of it, not {self.filter_size}")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size: must be odd to be centred, not {self.kernel_size}")

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts: whole hops, and half a filter as edge."""
        hop = self.filter_size // 2
        return Geometry(hop, self.filter_size, self.filter_size, edge=hop)
