"""Validation: whole songs separated with a Separator's windows, and scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from partita.audio.level import SILENCE, is_silent
from partita.data.cache import CachedSong
from partita.models.base import WaveformModel
from partita.separation.windows import DEFAULT_OVERLAP, overlap_add, plan_windows

__all__ = ["ScoreTable", "SongScore", "score_song", "songs_of_process"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SongScore:
    """How well a model separates a song.

    Attributes:
        loss: Mean absolute or squared error over all sources, at the level the model is trained at.
        sdr: SDR of each source in dB, ``10 log10(sum(s^2) / sum((s - s')^2))`` over the whole song; NaN for a silent
            source.
    """

    loss: float
    sdr: tuple[float, ...]


@torch.no_grad()
def score_song(model: WaveformModel, song: CachedSong, *, window: float, loss: Literal["l1", "mse"]) -> SongScore:
    """Separate a whole song and compare the estimates with its stems.

    The song is read and separated window by window, as a :class:`partita.Separator` does, so memory does not grow
    with its length. It is scaled as in training: the mixture has a standard deviation of 1.

    Args:
        model: The model, in evaluation mode.
        song: A decoded song with the model's sources, channels and sample rate.
        window: Length of a window in seconds.
        loss: ``l1`` or ``mse``.
    """
    device = next(model.parameters()).device
    level = np.float32(max(song.deviation, SILENCE**0.5))
    segment = round(window * model.sample_rate)
    plan = plan_windows(song.samples, segment=segment, overlap=DEFAULT_OVERLAP, geometry=model.geometry)

    def mixture() -> Iterator[Array]:
        for start in range(0, song.samples, segment):
            yield song.read(start, min(segment, song.samples - start)).sum(0).T / level

    def run(batch: Array) -> Array:
        estimates: Array = model.core(torch.from_numpy(batch).to(device)).float().cpu().numpy()
        return estimates

    done, sums = 0, np.zeros((3, len(model.sources)))
    for estimates in overlap_add(mixture(), plan, run, batch_size=1):
        stems = song.read(done, estimates.shape[-1]) / level
        rest = stems - estimates
        sums += [part.sum((1, 2), dtype=np.float64) for part in (np.abs(rest), rest**2, stems**2)]
        done += estimates.shape[-1]
    absolute, error, energy = sums / (song.samples * model.audio_channels)
    with np.errstate(divide="ignore", invalid="ignore"):
        sdr = 10 * np.log10(energy / error)
    silent = [is_silent(float(mean_square)) for mean_square in energy * float(level) ** 2]
    return SongScore(float((absolute if loss == "l1" else error).mean()), tuple(np.where(silent, np.nan, sdr).tolist()))


def songs_of_process(songs: int, rank: int, processes: int) -> range:
    """Return the indices of the songs that one of several processes validates on.

    Every process gets at least one, because all of them must take part in a validation; so a song may be scored
    twice where there are fewer songs than processes.
    """
    return range(rank % songs, songs, processes)


class ScoreTable:
    """The scores of all validation songs, entered by any number of processes.

    Args:
        songs: Number of songs.
        sources: Number of sources.
        device: Where the table is kept; processes exchange it from there.

    Attributes:
        values: ``(songs, 2 + sources)``: how often each song was scored, the sum of its losses, the sums of its SDRs.
    """

    def __init__(self, songs: int, sources: int, device: torch.device) -> None:
        self.values = torch.zeros(songs, 2 + sources, device=device)

    def enter(self, index: int, score: SongScore) -> None:
        """Enter the score of a song."""
        self.values[index] = torch.tensor([1.0, score.loss, *score.sdr]).to(self.values)

    @staticmethod
    def means(values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and the mean SDR of each source over the songs in which it sounds (NaN for none).

        Args:
            values: The sum of the :attr:`values` of all processes.
        """
        means = (values[:, 1:] / values[:, :1]).nanmean(0)
        return means[0], means[1:]
