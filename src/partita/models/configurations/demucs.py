"""The configuration of Demucs."""

from __future__ import annotations

from dataclasses import dataclass

from partita.errors import ConfigError
from partita.models.configurations.base import ModelConfig
from partita.models.configurations.signals import RESAMPLER_REACH, lost_hops
from partita.models.geometry import Geometry, Rows, StagedGeometry

__all__ = ["MASK_HOP", "MASK_N_FFT", "DemucsConfig", "DemucsLengths"]

MASK_N_FFT, MASK_HOP = 4096, 1024  # of the STFT of the ratio mask, in samples


@dataclass(frozen=True)
class DemucsConfig(ModelConfig):
    """The configuration of a Demucs; the defaults are the paper's (2019, 100 channels).

    Attributes:
        channels: Channels after the first encoder layer.
        depth: Number of encoder (and decoder) layers.
        kernel_size: Kernel size of the strided convolutions, in samples of their input.
        stride: Stride of the same; each layer shortens the signal by this factor.
        growth: Ratio of the channels of a layer to those of the layer above it.
        context: Kernel size of the decoder's convolution over neighbouring time steps.
        glu: Use gated linear units after the 1x1 and context convolutions, otherwise ReLU.
        rewrite: Use 1x1 convolutions in the encoder and context convolutions in the decoder.
        lstm_layers: Bidirectional LSTM layers between encoder and decoder; 0 for none.
        upsample: Replace the transposed convolution by linear upsampling and a convolution, and the stride by
            decimation, as in Wave-U-Net.
        rescale: Reference deviation of the initial weights (section 4.3); 0 turns rescaling off.
        resample: Work at twice the sample rate (2021 revision).
        consistent: Add the difference between the mixture and the sum of the stems to all stems in equal parts, so
            that they add up to the mixture (mixture consistency; Wisdom et al. 2019, "Differentiable consistency
            constraints for improved deep speech enhancement"). Not in the paper.
        mask: End in a ratio mask of the mixture's STFT, computed from the magnitudes of the estimates
            (:class:`RatioMask`): the stems then have the phase of the mixture and add up to it. The product of all
            strides must be a multiple of 1024. Not in the paper.
    """

    channels: int = 100
    depth: int = 6
    kernel_size: int = 8
    stride: int = 4
    growth: float = 2.0
    context: int = 3
    glu: bool = True
    rewrite: bool = True
    lstm_layers: int = 2
    upsample: bool = False
    rescale: float = 0.1
    resample: bool = False
    consistent: bool = False
    mask: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        super().__post_init__()
        self._require_positive("channels", "depth", "kernel_size", "stride", "context")
        if self.kernel_size < self.stride:
            raise ConfigError(f"kernel_size: must be at least the stride of {self.stride}, not {self.kernel_size}")
        if self.context % 2 == 0:
            raise ConfigError(f"context: must be odd to be centred, not {self.context}")
        if self.growth <= 0 or self.rescale < 0 or self.lstm_layers < 0:
            raise ConfigError("growth must be positive; rescale and lstm_layers must not be negative")

    @property
    def geometry(self) -> Geometry:
        """The lengths that the model accepts."""
        return DemucsLengths(self).geometry

    @property
    def stages(self) -> StagedGeometry | None:
        """The lengths of the stages, ``None`` for a model that has to run on whole windows."""
        if self.upsample or self.mask or self.depth < 3:
            return None
        stride, excess, depth = self.stride, self.kernel_size - self.stride, self.depth
        half = (self.context - 1) // 2 if self.rewrite else 0
        levels: list[Rows] = []
        before = after = ahead = 0
        for level in range(depth):
            levels.insert(0, Rows(stride**level, before, after))
            # the transposed convolution keeps the rows to which all its taps contribute
            before, after = (before + half) * stride + excess, (after + half) * stride
            ahead = ahead * stride + excess if level < depth - 2 else ahead
        outermost, *skips = levels
        encoder = Rows(stride**2, 0, -excess * (stride + 1))
        decoder = Rows(stride, 0, -excess)
        output = Rows(stride, half * stride + excess, half * stride)
        if self.resample:  # a sample depends on others around it, counted at the lower rate
            encoder, decoder = (_halved(rows, -RESAMPLER_REACH) for rows in (encoder, decoder))
            output = _halved(output, RESAMPLER_REACH)
        return StagedGeometry(encoder, Rows(stride ** (depth - 2), 0, -ahead), tuple(skips), outermost, decoder, output)


class DemucsLengths:
    """The signal lengths of all layers for the shortest valid input: the trims and the geometry follow from them."""

    def __init__(self, config: DemucsConfig) -> None:
        kernel, stride, upsample = config.kernel_size, config.stride, config.upsample
        context = config.context - 1 if config.rewrite else 0
        steps = 1
        for _ in range(config.depth):  # the decoder needs context on every level
            steps = -(-steps // stride) + kernel - 1 if upsample else -(-(steps - kernel) // stride) + 1
            steps = max(1, steps) + context
        for _ in range(config.depth):
            steps = steps * stride + kernel - 1 if upsample else (steps - 1) * stride + kernel
        shortest_input = steps

        skips = [shortest_input]
        x = shortest_input
        for _ in range(config.depth):
            x = x - kernel + 1 if upsample else (x - kernel) // stride + 1
            skips.append(x)
            x = -(-x // stride) if upsample else x
        self.trims: list[tuple[int, int]] = []
        for _ in range(config.depth):
            x = (x - 1) * stride if upsample else x
            self.trims.append(_centred(skips.pop() - x))
            x -= context
            x = x - kernel + 1 if upsample else (x - 1) * stride + kernel
        if upsample:
            self.trims.append(_centred(skips.pop() - x))
        multiple = stride**config.depth
        edge = self._edge(config)
        if config.resample:
            if multiple % 2 or shortest_input % 2 or x % 2:
                raise ConfigError("resample: needs an even stride and kernel_size")
            multiple, shortest_input, x = multiple // 2, shortest_input // 2, x // 2
        if config.mask:
            hop = MASK_HOP
            mask_reach = lost_hops(MASK_N_FFT, hop) * hop
            if multiple % hop:
                raise ConfigError(f"mask: needs strides whose product is a multiple of {hop}, not {multiple}")
            lost = 2 * mask_reach + x % hop
            missing = max(0, -((x - lost - hop) // multiple))
            shortest_input, x = shortest_input + missing * multiple, x + missing * multiple - lost
            edge += MASK_N_FFT - mask_reach
        self.geometry = Geometry(multiple, shortest_input, x, edge)

    @staticmethod
    def _edge(config: DemucsConfig) -> int:
        """Return how many samples at either end of the output lack a contribution of a neighbour in some layer."""
        edge = 2 * RESAMPLER_REACH if config.resample else 0
        for _ in range(config.depth):
            edge = -(-edge // config.stride)
        for _ in range(config.depth):  # the last samples of a transposed convolution lack one summand
            edge = edge * config.stride if config.upsample else (edge - 1) * config.stride + config.kernel_size
        return -(-edge // 2) + RESAMPLER_REACH if config.resample else edge


def _centred(excess: int) -> tuple[int, int]:
    return excess // 2, excess - excess // 2


def _halved(rows: Rows, lost: int) -> Rows:
    return Rows(rows.rate // 2, rows.before // 2 + lost, rows.after // 2 + lost)
