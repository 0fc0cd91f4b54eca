"""The paper's augmentation, on whole batches of stems ``(batch, sources, channels, samples)``.

Appendix "data augmentation" of the paper; :func:`scale` is of the 2021 revision. Every function takes the
generator that decides, so that a batch is the same for the same seed.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["flip_channels", "flip_sign", "remix", "scale", "shift"]


def shift(stems: Tensor, room: int, generator: torch.Generator, *, together: bool = False) -> Tensor:
    """Cut ``room`` samples off every stem, each at its own offset between 0 and ``room``, or a song's ``together``."""
    batch, sources, channels, samples = stems.shape
    kept = samples - room
    offsets = torch.randint(room + 1, (batch, 1 if together else sources), generator=generator).expand(-1, sources)
    out = stems.new_empty(batch, sources, channels, kept)
    for item in range(batch):
        for source in range(sources):
            first = int(offsets[item, source])
            out[item, source] = stems[item, source, :, first : first + kept]
    return out


def flip_sign(stems: Tensor, generator: torch.Generator) -> Tensor:
    """Turn the sign of each stem with probability one half."""
    signs = torch.randint(2, (*stems.shape[:2], 1, 1), generator=generator) * 2 - 1
    return stems * signs.to(stems)


def flip_channels(stems: Tensor, generator: torch.Generator) -> Tensor:
    """Exchange left and right of each stem with probability one half; mono is left as it is."""
    if stems.shape[2] < 2:
        return stems
    flipped = torch.randint(2, (*stems.shape[:2], 1, 1), generator=generator).bool().to(stems.device)
    return torch.where(flipped, stems.flip(2), stems)


def scale(stems: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Multiply each stem by a gain drawn uniformly from ``[low, high)``."""
    gains = torch.rand((*stems.shape[:2], 1, 1), generator=generator) * (high - low) + low
    return stems * gains.to(stems)


def remix(stems: Tensor, group: int, generator: torch.Generator) -> Tensor:
    """Make new songs of the stems of each ``group`` neighbours in the batch.

    Every source is permuted on its own within its group.

    Raises:
        ValueError: The batch is not a multiple of ``group``.
    """
    batch, sources = stems.shape[:2]
    if batch % group:
        raise ValueError(f"a batch of {batch} cannot be divided into groups of {group}")
    order = torch.rand((batch // group, group, sources), generator=generator).argsort(dim=1)
    order += torch.arange(0, batch, group)[:, None, None]
    return stems[order.reshape(batch, sources).to(stems.device), torch.arange(sources, device=stems.device)]
