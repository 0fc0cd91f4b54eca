"""The layers of the U-Nets of 2021 and 2022: strided convolutions with compressed residual branches.

Hybrid Spectrogram and Waveform Source Separation (Defossez, 2021), section 3. All signals have the shape ``(batch,
channels, rows, steps)``: a spectrogram has one row for each frequency and one step for each frame, a waveform has one
row and one step for each sample. So the same layers serve both.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.residual_unet import Level, ResidualUNetConfig
from partita.models.onnx_forms import convolved_glu, transposed_convolution
from partita.models.residual_branch import ResidualBranch

__all__ = ["DecoderLayer", "EncoderLayer", "Level", "ResidualUNetConfig", "pad_to_multiple"]


class EncoderLayer(nn.Module):
    """Strided convolution, GELU, residual branches, 1x1 convolution and GLU.

    Args:
        config: Of the model.
        level: Shape of the layer.
        outer: Channels of the input.
        bare: Only the strided convolution, for the layer where the waveform joins the spectrogram.
    """

    def __init__(self, config: ResidualUNetConfig, level: Level, outer: int, *, bare: bool = False) -> None:
        super().__init__()
        channels = level.inner
        self.level = level
        self.conv = nn.Conv2d(outer, channels, level.kernel, level.stride, level.padding)
        self.bare = bare
        if bare:
            return
        self.norm1 = _norm(config, level, channels)
        self.dconv = _branches(config, level, "encoder")
        self.rewrite = nn.Conv2d(channels, 2 * channels, 1)
        self.norm2 = _norm(config, level, 2 * channels)

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        """Encode ``(batch, outer, rows, steps)``.

        Args:
            x: The input; steps that the stride does not divide are extended by zeros if the layer pads.
            joined: Added to the output of the strided convolution.

        Returns:
            ``(batch, inner, rows / row stride, steps / step stride)``
        """
        if self.level.padding[1]:
            x = pad_to_multiple(x, self.level.stride[1])
        if self.bare:
            return cast(Tensor, self.conv(x))
        y = self.conv(x)
        y = self.dconv(F.gelu(self.norm1(y if joined is None else y + joined)))
        return _gated(y, self.rewrite, self.norm2)


class DecoderLayer(nn.Module):
    """Convolution over neighbours, GLU, residual branches, strided transposed convolution and GELU.

    Args:
        config: Of the model.
        level: Shape of the layer.
        outer: Channels of the output.
        bare: Only the transposed convolution, for the layer where the waveform leaves the spectrogram.
        over_rows: The first convolution spans neighbouring rows too.
    """

    def __init__(
        self,
        config: ResidualUNetConfig,
        level: Level,
        outer: int,
        *,
        bare: bool = False,
        over_rows: bool = False,
    ) -> None:
        super().__init__()
        channels = level.inner
        self.level = level
        self.bare = bare
        if not bare:
            context = (config.context if over_rows else 1, config.context)
            self.rewrite = nn.Conv2d(channels, 2 * channels, context, padding=(context[0] // 2, context[1] // 2))
            self.norm1 = _norm(config, level, 2 * channels)
            self.dconv = _branches(config, level, "decoder")
        self.conv_tr = nn.ConvTranspose2d(channels, outer, level.kernel, level.stride)
        self.norm2 = _norm(config, level, outer)

    def forward(self, x: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Decode ``(batch, inner, rows, steps)``.

        Args:
            x: The output of the layer below with the skip connection added.
            steps: Steps of the output if the layer pads.

        Returns:
            The output, ``(batch, outer, rows, steps)``, and the input of the transposed convolution.
        """
        y, inner = self.linear(x)
        rows, left = self.level.padding
        if rows:
            y = y[:, :, rows:-rows]
        if left:
            assert steps is not None
            y = y[..., left : left + steps]
        return (F.gelu(y) if self.level.index else y), inner

    def linear(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same without cropping and activation."""
        if not self.bare:
            x = self.dconv(_gated(x, self.rewrite, self.norm1))
        return self.norm2(transposed_convolution(x, self.conv_tr)), x


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend the last dimension by zeros to the next multiple."""
    missing = -x.shape[-1] % multiple
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    return F.pad(x, (0, missing)) if tracing or missing else x


def _gated(x: Tensor, layer: nn.Module, norm: nn.Module) -> Tensor:
    """Convolve, normalise and apply a GLU."""
    layer = cast(nn.Conv2d, layer)
    if isinstance(norm, nn.Identity):
        return convolved_glu(x, layer.weight, cast(Tensor, layer.bias), cast(tuple[int, int], layer.padding))
    return F.glu(norm(layer(x)), dim=1)


def _norm(config: ResidualUNetConfig, level: Level, channels: int) -> nn.Module:
    return nn.GroupNorm(config.norm_groups, channels) if level.index >= config.norm_starts else nn.Identity()


def _branches(config: ResidualUNetConfig, level: Level, side: str) -> nn.Module:
    if config.branches not in (side, "both"):
        return nn.Identity()
    extras = {"lstm": level.index >= config.lstm_starts, "attention": level.index >= config.attention_starts}
    hidden, scale = level.inner // config.branch_compression, config.branch_scale
    return nn.Sequential(
        *(ResidualBranch(level.inner, hidden, 2**index, scale, **extras) for index in range(config.branch_depth))
    )
