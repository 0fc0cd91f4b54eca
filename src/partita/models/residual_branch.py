"""The residual branches of the U-Nets of 2021 and 2022: few channels, dilated convolutions, LSTMs, local attention.

Hybrid Spectrogram and Waveform Source Separation (Defossez, 2021), section 3.3.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.residual_unet import ATTENTION_HEADS
from partita.models.onnx_forms import convolved_glu

__all__ = ["ResidualBranch", "mean_over"]

_DECAYS = 4  # rates of decay of each head
_LSTM_STEPS = 200  # length of the overlapping pieces of a signal that the LSTMs process
_NORM_EPSILON = 1e-5  # added to variances


class ResidualBranch(nn.Module):
    """Convolution to few channels, norm, GELU, convolution back, norm, GLU and scale, for each row by itself.

    Args:
        channels: Channels of the input and the output.
        hidden: Channels inside.
        dilation: Of the first convolution.
        scale: Initial factor of what the branch adds.
        lstm: An LSTM follows the GELU.
        attention: Local attention follows that.
    """

    def __init__(self, channels: int, hidden: int, dilation: int, scale: float, *, lstm: bool, attention: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, (1, 3), padding=(0, dilation), dilation=dilation)
        self.norm = _RowNorm(hidden)
        self.lstm = _FramedLSTM(hidden) if lstm else None
        self.attention = _LocalAttention(hidden) if attention else None
        self.expand = nn.Conv2d(hidden, 2 * channels, 1)
        self.expand_norm = _RowNorm(2 * channels)
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus the output of the branch, ``(batch, channels, rows, steps)``."""
        y = F.gelu(self.norm(self.conv(x)))
        if self.lstm is not None or self.attention is not None:
            rows = y.shape[2]
            y = y.transpose(1, 2).flatten(0, 1)
            if self.lstm is not None:
                y = self.lstm(y)
            if self.attention is not None:
                y = self.attention(y)
            y = y.reshape(-1, rows, *y.shape[1:]).transpose(1, 2)
        return x + self._expanded(y)

    def _expanded(self, y: Tensor) -> Tensor:
        """Return ``scale * glu(expand_norm(expand(y)))`` by a single convolution, without its output before the norm.

        With the weight W and bias b, the mean and variance of W y + b over the channels and steps of a row follow from
        the mean and covariance of y over its steps. The norm then scales y, and its shift is two more channels.
        """
        weight, bias = self.expand.weight[..., 0, 0], cast(Tensor, self.expand.bias)
        average = y.mean(3, keepdim=True)
        centred = (y - average).transpose(1, 2)  # (batch, rows, hidden, steps)
        covariance = centred @ centred.transpose(2, 3) / y.shape[3]
        centres = self.expand(average)  # (batch, channels, rows, 1)
        mean = centres.mean(1, keepdim=True)
        within = (covariance * (weight.t() @ weight / weight.shape[0])).sum((2, 3))[:, None, :, None]
        factor = (within + (centres - mean).square().mean(1, keepdim=True) + _NORM_EPSILON).rsqrt()
        shift = torch.cat([factor, -mean * factor], 1) + 0 * y[:, :1]
        scale = torch.cat([self.scale, torch.ones_like(self.scale)])  # of the values, not of the gates
        gain, offset = self.expand_norm.weight * scale, self.expand_norm.bias * scale
        matrix = torch.cat([weight, bias[:, None], torch.ones_like(bias[:, None])], 1) * gain[:, None]
        return convolved_glu(torch.cat([y * factor, shift], 1), matrix[..., None, None], offset)


class _RowNorm(nn.Module):
    """Normalises each row over its channels and steps; gain and bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, rows, steps)`` to the same shape."""
        centred = x - mean_over(x, 3, 1)
        deviation = (mean_over(centred.square(), 3, 1) + _NORM_EPSILON).sqrt()
        return centred * (self.weight[:, None, None] / deviation) + self.bias[:, None, None]


class _FramedLSTM(nn.Module):
    """A bidirectional LSTM of two layers, with a skip connection.

    A signal longer than a piece is cut into pieces that overlap by half, each processed by itself; a step is taken from
    the piece in whose middle it lies.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, num_layers=2, bidirectional=True)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to the same shape."""
        batch, channels = x.shape[:2]
        hop = _LSTM_STEPS // 2
        position = torch.arange(x.shape[-1], device=x.device)
        steps = position[-1] + 1  # a tensor, so that one ONNX graph serves any number of steps
        count = torch.where(steps > _LSTM_STEPS, (steps + hop - 1) // hop, 1)
        starts = torch.arange(count, device=x.device) * hop  # type: ignore[call-overload]
        inside = torch.arange(steps.clamp(max=_LSTM_STEPS), device=x.device)  # type: ignore[call-overload]
        # (steps inside, pieces, batch, channels)
        pieces = F.pad(x, (0, _LSTM_STEPS)).permute(2, 0, 1)[inside[:, None] + starts]
        y = self.linear(self.lstm(pieces.flatten(1, 2))[0]).reshape(-1, batch, channels)
        owner = torch.minimum(((position - hop // 2) // hop).clamp(min=0), count - 1)
        found: Tensor = x + y[(position - owner * hop) * count + owner].permute(1, 2, 0)
        return found


class _LocalAttention(nn.Module):
    """Attention to other steps; its weights decay with the distance at rates that the query chooses."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.content = nn.Conv1d(channels, channels, 1)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.query_decay = nn.Conv1d(channels, ATTENTION_HEADS * _DECAYS, 1)
        self.proj = nn.Conv1d(channels, channels, 1)
        with torch.no_grad():  # begin with wide attention
            self.query_decay.weight *= 0.01
            self.query_decay.bias.fill_(-2)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, steps)`` to the same shape."""
        query, key, content, decay = (
            layer(x).unflatten(1, (ATTENTION_HEADS, -1))
            for layer in (self.query, self.key, self.content, self.query_decay)
        )
        position = torch.arange(x.shape[-1], device=x.device)
        distance = (position[:, None] - position).abs()
        rates = torch.arange(1, _DECAYS + 1, device=x.device, dtype=x.dtype) / (2 * math.sqrt(_DECAYS))
        rate = (decay.sigmoid() * rates[:, None]).sum(2)  # (batch, heads, queries)
        scores = query.transpose(2, 3) @ key / math.sqrt(query.shape[2]) - rate[..., None] * distance
        weights = scores.masked_fill(distance == 0, -100.0).softmax(-1)  # (batch, heads, queries, keys)
        y: Tensor = self.proj((content @ weights.transpose(2, 3)).flatten(1, 2))
        return x + y


def mean_over(x: Tensor, *dims: int) -> Tensor:
    """Return the mean over dimensions, one after the other and kept with size 1.

    ONNX Runtime's mean over several dimensions at once adds all values in a single float32, which is inaccurate for a
    million of them.
    """
    for dim in dims:
        x = x.mean(dim, keepdim=True)
    return x
