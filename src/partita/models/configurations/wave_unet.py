"""The configuration of Wave-U-Net."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.base import ModelConfig
from partita.models.geometry import Geometry

__all__ = ["ContextLengths", "WaveUNetConfig"]


@dataclass(frozen=True)
class WaveUNetConfig(ModelConfig):
    """The configuration of a Wave-U-Net.

    The defaults are the paper's best model at 44.1 kHz (M5-HighSR) with the four sources of its M6, except for the
    activation. M6 itself is ``sample_rate=22050, upsampling="linear", activation="tanh"``; the first baseline (M1)
    also has ``audio_channels=1, context=False, difference=False``.

    Attributes:
        levels: Number of levels, each of which halves the sample rate.
        filters: Channels of the first level; each further level has this many more.
        kernel_size: Kernel size of the convolutions before each halving, in samples.
        up_kernel_size: Kernel size of the convolutions after each doubling.
        output_kernel_size: Kernel size of the last convolution.
        upsampling: The sample inserted between two neighbours when the rate is doubled: ``linear``, their mean, or
            ``learned``, a trained weighting of the two in every channel.
        context: Do not pad the convolutions, so that the output is shorter than the input (the paper's input
            context); otherwise the input of every convolution is padded with zeros.
        difference: Compute the last stem as the mixture minus the others.
        activation: Activation of the output: ``tanh`` as published, for samples within [-1, 1], or ``linear``.
            Partita scales mixtures to a deviation of 1, so their peaks exceed the range of ``tanh``. It also omits
            the clipping that the published code combines with ``linear`` outside training.
    """

    levels: int = 12
    filters: int = 24
    kernel_size: int = 15
    up_kernel_size: int = 5
    output_kernel_size: int = 1
    upsampling: str = "learned"
    context: bool = True
    difference: bool = True
    activation: str = "linear"

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        if self.difference and len(self.sources) < 2:
            raise ConfigError("difference: needs at least two sources; add one, or set it to false")
        self._require_positive("levels", "filters")
        for name in ("kernel_size", "up_kernel_size", "output_kernel_size"):
            if getattr(self, name) < 1 or getattr(self, name) % 2 == 0:
                raise ConfigError(f"{name}: must be odd to be centred, not {getattr(self, name)}")
        for name, known in (("upsampling", ("linear", "learned")), ("activation", ("linear", "tanh"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: must be {' or '.join(known)}, not {getattr(self, name)!r}")

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts."""
        return ContextLengths(self).geometry if self.context else _padded_geometry(self)


class ContextLengths:
    """The signal lengths of all levels for the shortest output with context: trims and geometry follow from them.

    All kernels and all signals that are halved have odd lengths, so every crop is symmetric.
    """

    def __init__(self, config: WaveUNetConfig) -> None:
        down, up, last = config.kernel_size - 1, config.up_kernel_size - 1, config.output_kernel_size - 1
        steps = 1 + last
        for _ in range(config.levels):
            steps = -(-(steps + up + 1) // 2)
        shortest_input, levels = steps + down, []
        for _ in range(config.levels):
            levels.append(2 * shortest_input - 1)
            shortest_input = levels[-1] + down
        self.trims = []
        for length in levels:
            steps = 2 * steps - 1
            self.trims.append((length - steps) // 2)
            steps -= up
        self.trims += [(shortest_input - steps) // 2, (shortest_input - steps + last) // 2]
        self.geometry = Geometry(2**config.levels, shortest_input, steps - last)


def _padded_geometry(config: WaveUNetConfig) -> Geometry:
    """Return the geometry without context: equal lengths, and edges that the padding affects."""
    down, up, last = config.kernel_size // 2, config.up_kernel_size // 2, config.output_kernel_size // 2
    edges = []
    for right in (0, 1):  # the first of two samples is kept, to the left of the inserted one
        edge, skips = 0, []
        for _ in range(config.levels):
            skips.append(edge + down)
            edge = (skips[-1] + 1 - right) // 2
        edge += down
        for _ in range(config.levels):
            edge = max(2 * edge + right, skips.pop()) + up
        edges.append(edge + last)
    multiple = 2**config.levels
    return Geometry(multiple, multiple, multiple, max(edges))
