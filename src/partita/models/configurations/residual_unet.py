"""What the configurations of the U-Nets of 2021 and 2022 have in common."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError, nearest
from partita.models.configurations.base import ModelConfig

__all__ = ["ATTENTION_HEADS", "Level", "ResidualUNetConfig"]

BRANCHES = ("none", "encoder", "decoder", "both")
ATTENTION_HEADS = 4  # of local attention


@dataclass(frozen=True)
class ResidualUNetConfig(ModelConfig):
    """What the configurations of these U-Nets have in common.

    Attributes:
        channels: Channels after the first encoder layer.
        depth: Number of encoder (and decoder) layers.
        growth: Ratio of the channels of a layer to those of the layer above it.
        kernel_size: Kernel size of the strided convolutions.
        stride: Stride of the same.
        context: Kernel size of the decoder's convolution over neighbouring steps (and frequencies); odd.
        norm_starts: First layer (counted from 0) with group normalisation.
        norm_groups: Groups of the same.
        branches: Which layers have residual branches: ``none``, ``encoder``, ``decoder`` or ``both``.
        branch_depth: Residual branches of a layer, with dilations 1, 2, 4, ...
        branch_compression: Ratio of the channels of a layer to those inside a branch.
        branch_scale: Initial factor of the output of a branch.
        lstm_starts: First layer whose branches contain an LSTM.
        attention_starts: First layer whose branches contain local attention.
        rescale: Reference deviation of the initial weights of all convolutions; 0 turns rescaling off.
    """

    channels: int = 48
    depth: int = 6
    growth: int = 2
    kernel_size: int = 8
    stride: int = 4
    context: int = 3
    norm_starts: int = 4
    norm_groups: int = 4
    branches: str = "encoder"
    branch_depth: int = 2
    branch_compression: int = 4
    branch_scale: float = 1e-4
    lstm_starts: int = 4
    attention_starts: int = 4
    rescale: float = 0.1

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive(
            "channels", "depth", "growth", "kernel_size", "stride", "norm_groups", "branch_depth", "branch_compression"
        )
        if self.kernel_size < self.stride:
            raise ConfigError(f"kernel_size: must be at least the stride of {self.stride}, not {self.kernel_size}")
        if self.context < 1 or self.context % 2 == 0:
            raise ConfigError(f"context: must be odd to be centred, not {self.context}")
        if self.branches not in BRANCHES:
            raise ConfigError(f"branches: invalid value {self.branches!r}{nearest(self.branches, BRANCHES)}")
        if self.rescale < 0:
            raise ConfigError(f"rescale: must not be negative, but is {self.rescale}")
        for index in range(self.depth):
            self._check_layer(index, self.channels * self.growth**index)

    def _check_layer(self, index: int, channels: int) -> None:
        hidden = channels // self.branch_compression
        if self.branches != "none" and hidden < 1:
            raise ConfigError(f"branch_compression: leaves none of the {channels} channels of layer {index}")
        if self.branches != "none" and index >= self.attention_starts and hidden % ATTENTION_HEADS:
            raise ConfigError(
                f"attention_starts: the branches of layer {index} have {hidden} channels, which do not divide into "
                f"{ATTENTION_HEADS} heads; start later, or change channels or branch_compression"
            )
        if index >= self.norm_starts and channels % self.norm_groups:
            raise ConfigError(f"norm_groups: {self.norm_groups} groups do not divide the {channels} channels")


@dataclass(frozen=True)
class Level:
    """The shape of an encoder layer and of the decoder layer that mirrors it.

    Attributes:
        index: Number of the level, from 0 at the outside.
        inner: Channels of the encoder's output.
        kernel: Size of the strided kernel in rows and steps.
        stride: Its stride in rows and steps.
        padding: Padding of the strided convolution in rows and steps; the transposed one crops as much.
    """

    index: int
    inner: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
