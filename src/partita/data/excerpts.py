"""Excerpts of songs for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from partita.data.cache import CachedSong

__all__ = ["ExcerptDataset"]


class ExcerptDataset(Dataset[Tensor]):
    """Endless excerpts, excerpt ``i`` of a seed being always the same.

    Excerpts are drawn uniformly over the songs' time and divided by the deviation of their song's mixture, as in
    the paper; its mean, which belongs to no stem, stays out. Item: float32 ``(sources, channels, samples)``.

    Args:
        songs: Where to draw from.
        samples: Length of an excerpt.
        length: Number of excerpts.
        seed: Of the drawing.
        weights: How much likelier a second of each song is than others; equal by default.
    """

    def __init__(
        self,
        songs: list[CachedSong],
        *,
        samples: int,
        length: int,
        seed: int,
        weights: list[float] | None = None,
    ) -> None:
        self.songs = songs
        self.samples = samples
        self.length = length
        self.seed = seed
        seconds = np.array([song.samples for song in songs], np.float64)
        if weights is not None:
            seconds *= weights
        self._cumulative = np.cumsum(seconds / seconds.sum())

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        which = min(int(np.searchsorted(self._cumulative, rng.random(), side="right")), len(self.songs) - 1)
        song = self.songs[which]
        start = int(rng.integers(0, max(1, song.samples - self.samples + 1)))
        stems = np.stack([song.excerpt(source, start, self.samples) for source in range(song.stems.shape[0])])
        return torch.from_numpy((stems / max(song.deviation, 1e-4)).astype(np.float32))
