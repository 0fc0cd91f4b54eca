"""Resampling by two inside a model, differentiable."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.signals import RESAMPLER_REACH

__all__ = ["SincResampler"]


class SincResampler(nn.Module):
    """Doubles and halves the sample rate with a Hann-windowed sinc.

    The filter is that of the 2021 Demucs (24 zero crossings, pass band to 0.945 of the lower Nyquist
    frequency, edges extended by their last value), so that its published weights give the same results here.
    """

    zeros = 24
    rolloff = 0.945
    reach = RESAMPLER_REACH  # samples of the lower rate on either side that a sample depends on

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("up", self._kernel(1, 2), persistent=False)
        self.register_buffer("down", self._kernel(2, 1), persistent=False)
        self.up: Tensor
        self.down: Tensor

    def upsample(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, samples)`` to ``(batch, channels, 2 * samples)``."""
        return self._convolve(x, self.up, stride=1)

    def downsample(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, 2 * samples)`` to ``(batch, channels, samples)``."""
        return self._convolve(x, self.down, stride=2)

    @classmethod
    def _kernel(cls, old: int, new: int) -> Tensor:
        """Return one filter for each output phase, ``(new, 1, taps)``."""
        cutoff = min(old, new) * cls.rolloff
        width = math.ceil(cls.zeros * old / cutoff)
        taps = torch.arange(-width, width + old, dtype=torch.float64) / old
        phases = torch.arange(new, dtype=torch.float64)[:, None] / new
        t = ((taps - phases) * cutoff).clamp(-cls.zeros, cls.zeros)
        kernel = torch.sinc(t) * torch.cos(t * math.pi / cls.zeros / 2) ** 2
        return (kernel / kernel.sum(-1, keepdim=True)).float()[:, None]

    @staticmethod
    def _convolve(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
        batch, channels, samples = x.shape
        phases, _, taps = kernel.shape
        width = (taps - stride) // 2
        y = F.pad(x.reshape(batch * channels, 1, samples), (width, width + stride), mode="replicate")
        y = F.conv1d(y, kernel, stride=stride).transpose(1, 2).reshape(batch, channels, -1)
        return y[..., : samples * phases // stride]
