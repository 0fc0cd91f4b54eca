"""Multichannel Wiener filter: divides the mixture among sources by their energy and spatial covariance.

The channels of source j at frame t and frequency f are modelled as Gaussian with covariance ``v[j, t, f] R[j, f]``
(Duong, Vincent and Gribonval 2010). R is the mean covariance of the estimates, weighted by their energy v (Nugraha,
Liutkus and Vincent 2016); a source's share of the mixture x is then ``v[j] R[j] (sum over i of v[i] R[i])^-1 x``.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor
from torch.nn import functional as F

from partita.models.stft import Spectrum

__all__ = ["wiener_filter"]

_PEAK = 10.0  # louder mixtures are treated as if scaled down to this largest magnitude ...
_NOISE = 1e-10  # ... where this energy is added to denominators


def wiener_filter(estimates: Spectrum, mixture: Spectrum, iterations: int, frames: int) -> Spectrum:
    """Refine estimates of all sources of a mixture, as Open-Unmix does.

    Args:
        estimates: ``(batch, sources, channels, frames, bins)``.
        mixture: ``(batch, channels, frames, bins)``.
        iterations: Number of times that the covariances are estimated and the mixture is filtered.
        frames: Largest number of frames with a common spatial covariance; blocks are about equally long.

    Returns:
        The refined estimates; their sum is the mixture wherever they are well above the noise.
    """
    count = mixture.real.shape[-2]
    blocks = (count + frames - 1) // frames
    size = (count + blocks - 1) // blocks
    sources = estimates.map(lambda part: _cut(part, blocks, size))
    mixture = mixture.map(lambda part: _cut(part, blocks, size))
    scale = (mixture.power().amax(dim=(1, 3, 4)) / _PEAK**2).clamp(min=1)[:, :, None, None]
    for _ in range(iterations):
        sources = _iterate(sources, mixture, _NOISE * scale, _NOISE**0.5 * scale)
    return sources.map(lambda part: part.flatten(3, 4)[..., :count, :])


def _cut(part: Tensor, blocks: int, size: int) -> Tensor:
    """Cut ``(.., frames, bins)`` into ``(.., blocks, size, bins)``, the last block padded with zeros."""
    frames, bins = part.shape[-2:]
    return F.pad(part, (0, 0, 0, blocks * size - frames)).reshape(*part.shape[:-2], blocks, size, bins)


def _iterate(sources: Spectrum, mixture: Spectrum, noise: Tensor, floor: Tensor) -> Spectrum:
    """Estimate the covariances of ``(batch, sources, channels, blocks, frames, bins)`` and filter the mixture."""
    channels = range(mixture.real.shape[1])
    y = [sources.select(2, i) for i in channels]
    powers = [part.power() for part in y]
    energy = reduce(add, powers) / len(y)
    weight = 1 / (energy.sum(-2, keepdim=True) + noise[:, None])

    def mean(part: Tensor) -> Tensor:
        return part.sum(-2, keepdim=True) * weight

    def mix(part: Tensor) -> Tensor:
        return (part * energy).sum(1)

    # a covariance is Hermitian: a real diagonal and, below it, the products of two channels
    diagonal = [mean(power) for power in powers]
    below = {(i, k): (y[i] * y[k].conj()).map(mean) for i in channels for k in range(i)}
    z = _solve(
        [mix(part) + floor for part in diagonal],
        {pair: part.map(mix) for pair, part in below.items()},
        [mixture.select(1, i) for i in channels],
        floor,
    )
    z = [part.map(lambda part: part[:, None]) for part in z]
    shares = []
    for i in channels:
        others = [below[i, k] * z[k] if k < i else below[k, i].conj() * z[k] for k in channels if k != i]
        shares.append(reduce(add, others, z[i] * diagonal[i]) * energy)
    return Spectrum(torch.stack([share.real for share in shares], 2), torch.stack([share.imag for share in shares], 2))


def _solve(
    diagonal: list[Tensor], below: dict[tuple[int, int], Spectrum], x: list[Spectrum], floor: Tensor
) -> list[Spectrum]:
    """Solve equations with a Hermitian matrix by elimination.

    No pivot of the exact matrix is less than the floor on its diagonal. Where rounding leaves less, for a mono mixture,
    it is raised to the floor.
    """
    diagonal, below, x = list(diagonal), dict(below), list(x)
    channels = range(len(x))
    inverses = []
    for k in channels:
        inverses.append(1 / torch.maximum(diagonal[k], floor))
        for i in channels[k + 1 :]:
            factor = below[i, k] * inverses[k]
            x[i] = x[i] - factor * x[k]
            diagonal[i] = diagonal[i] - below[i, k].power() * inverses[k]
            for m in range(k + 1, i):
                below[i, m] = below[i, m] - factor * below[m, k].conj()
    for k in reversed(channels):
        for i in channels[k + 1 :]:
            x[k] = x[k] - below[i, k].conj() * x[i]
        x[k] = x[k] * inverses[k]
    return x
