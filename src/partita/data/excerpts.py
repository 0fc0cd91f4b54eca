"""Random excerpts of cached songs, for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from partita.audio.level import SILENCE
from partita.data.cache import CachedSong
from partita.data.repitch import Repitch

__all__ = ["ExcerptDataset"]


class ExcerptDataset(Dataset[Tensor]):
    """Random excerpts of songs, each determined by the seed and its index.

    Excerpts are drawn uniformly over the duration of all songs. As in the paper, they are divided by the standard
    deviation of their song's mixture; its mean is not subtracted, since it belongs to no single stem.

    Each item is float32 ``(sources, channels, samples)``.

    Args:
        songs: The songs to draw from.
        samples: Length of an excerpt in samples.
        length: Number of excerpts.
        seed: Seed of the random draws.
        weights: For each song, the relative probability of drawing one of its seconds (default: all equal).
        repitch: Random changes of pitch and tempo (default: none).
    """

    def __init__(
        self,
        songs: list[CachedSong],
        *,
        samples: int,
        length: int,
        seed: int,
        weights: list[float] | None = None,
        repitch: Repitch | None = None,
    ) -> None:
        self.songs = songs
        self.samples = samples
        self.length = length
        self.seed = seed
        self.repitch = repitch
        seconds = np.array([song.samples for song in songs], np.float64)
        if weights is not None:
            seconds *= weights
        self._cumulative = np.cumsum(seconds / seconds.sum())

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        change = self.repitch.draw(rng) if self.repitch else None
        samples = change.input_length(self.samples) if change else self.samples
        song, start = self.place(index, samples, rng)
        stems = song.read(start, samples)
        if change:
            stems = change.apply(stems, self.samples, song.sources, song.sample_rate)
        stems /= np.float32(max(song.deviation, SILENCE**0.5))
        return torch.from_numpy(stems)

    def place(self, index: int, samples: int, rng: np.random.Generator) -> tuple[CachedSong, int]:
        """Draw the song and the first sample of an excerpt that is ``samples`` long."""
        which = min(int(np.searchsorted(self._cumulative, rng.random(), side="right")), len(self.songs) - 1)
        song = self.songs[which]
        return song, int(rng.integers(0, max(1, song.samples - samples + 1)))
