from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partita.models import build
from partita.training.validation import ScoreTable, SongScore, score_song, songs_of_process


class Song:
    """Noise in memory; the last stem has the level of 16-bit dither only."""

    samples = 100_000
    deviation = 0.1

    def __init__(self):
        self.stems = (0.1 * np.random.default_rng(0).standard_normal((4, 2, self.samples))).astype(np.float32)
        self.stems[3] *= 1.5e-4

    def read(self, start=0, samples=None):
        return self.stems[..., start : None if samples is None else start + samples]


@pytest.mark.parametrize(("loss", "distance"), [("l1", F.l1_loss), ("mse", F.mse_loss)])
def test_a_song_is_scored_as_if_it_were_separated_whole(loss, distance):
    """A purely convolutional model gives each sample the same output in every window; these windows are 0.5 s long."""
    torch.manual_seed(0)
    model = build("demucs", channels=4, depth=2, lstm_layers=0).eval()
    song = Song()
    score = score_song(model, song, window=0.5, loss=loss)
    with torch.no_grad():
        stems = torch.from_numpy(song.stems / 0.1)
        estimates = model(stems.sum(0)[None])[0]
        expected = float(distance(estimates[None], stems[None]))
        ratio = 10 * torch.log10(stems.square().sum((1, 2)) / (stems - estimates).square().sum((1, 2)))
    assert score.loss == pytest.approx(expected, rel=1e-5)
    assert score.sdr[:3] == pytest.approx(ratio[:3].tolist(), abs=1e-4)
    assert np.isnan(score.sdr[3])  # silent, by the rule of partita.audio.level


@pytest.mark.parametrize(("songs", "processes"), [(3, 1), (3, 2), (1, 4), (8, 3)])
def test_processes_share_the_songs_and_each_has_one(songs, processes):
    shares = [songs_of_process(songs, rank, processes) for rank in range(processes)]
    assert all(len(share) for share in shares)
    assert {index for share in shares for index in share} == set(range(songs))


def test_the_means_are_over_songs_however_often_each_was_scored():
    """Two processes, of which both scored the first song; bass sounds in the second song only."""
    nan = float("nan")
    tables = [ScoreTable(2, 2, torch.device("cpu")) for _ in range(2)]
    for table in tables:
        table.enter(0, SongScore(1.0, (4.0, nan)))
    tables[1].enter(1, SongScore(2.0, (6.0, 3.0)))
    loss, sdr = ScoreTable.means(tables[0].values + tables[1].values)
    assert float(loss) == 1.5
    assert sdr.tolist() == [5.0, 3.0]
