"""The paper's augmentation of training batches: stems, float ``(batch, sources, channels, samples)``.

See the paper's appendix "data augmentation"; :func:`scale` comes from its 2021 revision. Every function draws from the
generator it is given, so the same seed gives the same batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["flip_channels", "flip_sign", "remix", "scale", "shift"]


def shift(stems: Tensor, room: int, generator: torch.Generator) -> Tensor:
    """Shift the stems in time by random offsets.

    Args:
        stems: ``(batch, sources, channels, samples)``.
        room: Largest offset in samples.
        generator: Source of the random offsets, uniform between 0 and ``room``.

    Returns:
        ``(batch, sources, channels, samples - room)``.
    """
    batch, sources, channels, samples = stems.shape
    kept = samples - room
    offsets = torch.randint(room + 1, (batch, sources), generator=generator)
    out = stems.new_empty(batch, sources, channels, kept)
    for item in range(batch):
        for source in range(sources):
            first = int(offsets[item, source])
            out[item, source] = stems[item, source, :, first : first + kept]
    return out


def flip_sign(stems: Tensor, generator: torch.Generator) -> Tensor:
    """Invert the sign of each stem with probability 1/2."""
    signs = torch.randint(2, (*stems.shape[:2], 1, 1), generator=generator) * 2 - 1
    return stems * signs.to(stems)


def flip_channels(stems: Tensor, generator: torch.Generator) -> Tensor:
    """Swap the left and right channels of each stem with probability 1/2; mono is returned unchanged."""
    if stems.shape[2] < 2:
        return stems
    flipped = torch.randint(2, (*stems.shape[:2], 1, 1), generator=generator).bool().to(stems.device)
    return torch.where(flipped, stems.flip(2), stems)


def scale(stems: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Multiply each stem by a gain drawn uniformly from ``[low, high)``."""
    gains = torch.rand((*stems.shape[:2], 1, 1), generator=generator) * (high - low) + low
    return stems * gains.to(stems)


def remix(stems: Tensor, group: int, generator: torch.Generator) -> Tensor:
    """Mix stems of different songs: permute each source independently within groups of consecutive batch items.

    Args:
        stems: ``(batch, sources, channels, samples)``.
        group: Number of items in a group.
        generator: Source of the random permutations.

    Returns:
        The permuted stems, in the shape of ``stems``.

    Raises:
        ValueError: The batch size is not a multiple of ``group``.
    """
    batch, sources = stems.shape[:2]
    if batch % group:
        raise ValueError(f"a batch of {batch} cannot be divided into groups of {group}")
    order = torch.rand((batch // group, group, sources), generator=generator).argsort(dim=1)
    order += torch.arange(0, batch, group)[:, None, None]
    return stems[order.reshape(batch, sources).to(stems.device), torch.arange(sources, device=stems.device)]
