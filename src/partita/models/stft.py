"""Short-time Fourier transform and its inverse in real arithmetic, as parts of a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.signals import lost_hops

__all__ = ["Spectrum", "Stft"]


@dataclass(frozen=True)
class Spectrum:
    """Complex numbers as two real tensors of the same shape, usually ``(..., frames, bins)``."""

    real: Tensor
    imag: Tensor

    def power(self) -> Tensor:
        """Return the squared absolute values."""
        return self.real.square() + self.imag.square()

    def magnitude(self) -> Tensor:
        """Return the absolute values."""
        return self.power().sqrt()

    def conj(self) -> Spectrum:
        """Return the complex conjugates."""
        return Spectrum(self.real, -self.imag)

    def map(self, function: Callable[[Tensor], Tensor]) -> Spectrum:
        """Apply a function to both parts."""
        return Spectrum(function(self.real), function(self.imag))

    def select(self, dim: int, index: int) -> Spectrum:
        """Return one slice along a dimension."""
        return Spectrum(self.real.select(dim, index), self.imag.select(dim, index))

    def __add__(self, other: Spectrum) -> Spectrum:
        return Spectrum(self.real + other.real, self.imag + other.imag)

    def __sub__(self, other: Spectrum) -> Spectrum:
        return Spectrum(self.real - other.real, self.imag - other.imag)

    def __mul__(self, other: Spectrum | Tensor) -> Spectrum:
        if isinstance(other, Tensor):
            return Spectrum(self.real * other, self.imag * other)
        return Spectrum(
            self.real * other.real - self.imag * other.imag, self.real * other.imag + self.imag * other.real
        )


class Stft(nn.Module):
    """A short-time Fourier transform with a periodic Hann window and without padding, and its inverse.

    ONNX has neither complex numbers nor an inverse STFT. So a frame of a * b samples is transformed by two products
    with small matrices (Cooley and Tukey 1965): for n = b n1 + n2 and k = k1 + a k2,

        X[k] = sum over n2 of exp(-2 pi i n2 k2 / b) sum over n1 of exp(-2 pi i n k1 / (a b)) x[n]

    and the inverse is the transposed products. All factors are entries of one table of cosines.

    Args:
        n_fft: Length of a frame in samples, a multiple of 4.
        hop: Samples from one frame to the next; a frame is a whole number of hops, at least three.

    Attributes:
        bins: Frequencies from 0 to half the sample rate.
        lost: Difference between the number of hops and of frames; the inverse lacks this many hops at either end.

    Raises:
        ConfigError: A length is invalid.
    """

    def __init__(self, n_fft: int = 4096, hop: int = 1024) -> None:
        super().__init__()
        self.lost = lost_hops(n_fft, hop)
        self.n_fft, self.hop = n_fft, hop
        self.bins = n_fft // 2 + 1
        divisors = [divisor for divisor in range(1, hop + 1) if hop % divisor == 0]
        self._b = min(divisors, key=lambda divisor: abs(divisor - math.sqrt(n_fft)))
        self._a = n_fft // self._b
        turn = torch.arange(n_fft, dtype=torch.float64) * (2 * math.pi / n_fft)
        self.register_buffer("cosine", turn.cos().float(), persistent=False)
        self.cosine: Tensor

    def forward(self, samples: Tensor) -> Spectrum:
        """Transform ``(..., channels, (frames + lost) * hop)`` samples to ``(..., channels, frames, bins)``."""
        with torch.autocast(samples.device.type, enabled=False):  # sums this long need float32
            return self._transform(samples)

    def inverse(self, spectrum: Spectrum) -> Tensor:
        """Return the samples, by overlap-add.

        Args:
            spectrum: ``(..., channels, frames, bins)``, more than ``lost`` frames.

        Returns:
            ``(..., channels, (frames - lost) * hop)``; the first is the one ``lost * hop`` after the first frame's.
        """
        with torch.autocast(spectrum.real.device.type, enabled=False):
            return self._invert(spectrum)

    def _transform(self, samples: Tensor) -> Spectrum:
        lead, a, b = samples.shape[:-1], self._a, self._b
        signals = samples.flatten(0, -2)
        count = self._count(signals[0])
        # n2 comes first: (n2, signals, hops, n1 within a hop), then (n2, signals * frames, n1)
        hops = signals.reshape(-1, b).t().contiguous().reshape(b, signals.shape[0], -1, self.hop // b)
        frames = torch.cat([hops[:, :, i : i - self.lost or None] for i in range(self.lost + 1)], -1).flatten(1, 2)
        inner = torch.cat([frames @ matrix for matrix in self._inner(count)])  # (2 n2, rows, k1)
        outer = self._outer(count) @ inner.flatten(1)
        spectrum = outer.reshape(2, -1, inner.shape[1], a).permute(0, 2, 1, 3).flatten(2)[..., : self.bins]
        real, imag = spectrum.reshape(2, *lead, -1, self.bins)
        return Spectrum(real, imag)

    def _invert(self, spectrum: Spectrum) -> Tensor:
        lead, a, b = spectrum.real.shape[:-2], self._a, self._b
        signals = spectrum.real.flatten(0, -3).shape[0]
        # all frequencies but the first and the last also represent their negative
        weight = F.pad(self.cosine.new_full((self.bins - 2,), 2.0), (1, 1), value=1.0)
        weight = weight / (self.n_fft * 0.375 * (self.lost + 1))  # the squared windows sum up to 3/8 a hop
        count = self._count(spectrum.real.flatten())
        outer = self._outer(count)
        padding = (0, -self.bins % a)
        parts = torch.stack([F.pad(part.flatten(0, -2) * weight, padding) for part in (spectrum.real, spectrum.imag)])
        rows = parts.shape[1]
        parts = parts.reshape(2, rows, -1, a).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        real, imag = ((half.t() @ parts).reshape(b, rows, a) for half in outer.chunk(2, 1))
        inner_real, inner_imag = self._inner(count)
        frames = real @ inner_real.transpose(1, 2) + imag @ inner_imag.transpose(1, 2)
        frames = frames.reshape(b, signals, -1, a)  # (n2, signals, frames, n1)
        width = self.hop // b
        hops = [frames[:, :, self.lost - i : -i or None, i * width : (i + 1) * width] for i in range(self.lost + 1)]
        samples: Tensor = sum(hops[1:], hops[0])
        return samples.flatten(1).t().reshape(*lead, -1)

    def _count(self, values: Tensor) -> Tensor:
        """Return 0 ... n_fft - 1, computed from the input; the exporter would store every product of constants."""
        return torch.ones_like(values[: self.n_fft], dtype=torch.int64).cumsum(0) - 1

    def _inner(self, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return window and exponential over n1, real and imaginary, each ``(n2, n1, k1)``."""
        a, b = self._a, self._b
        window = 0.5 - 0.5 * self.cosine[:, None]
        real, imag = self._exponential(count[:, None] * count[:a])
        return (real * window).reshape(a, b, a).transpose(0, 1), (imag * window).reshape(a, b, a).transpose(0, 1)

    def _outer(self, count: Tensor) -> Tensor:
        """Return the exponential over n2 as a real matrix from ``(2 n2)`` to ``(2 k2)``."""
        frequencies = count[: (self.bins - 1) // self._a + 1, None]
        real, imag = self._exponential(frequencies * count[: self._b] * self._a)
        return torch.cat([torch.cat([real, -imag], 1), torch.cat([imag, real], 1)])

    def _exponential(self, turns: Tensor) -> tuple[Tensor, Tensor]:
        """Return real and imaginary part of exp(-2 pi i turns / n_fft)."""
        return self.cosine[turns % self.n_fft], self.cosine[(turns + self.n_fft // 4) % self.n_fft]
