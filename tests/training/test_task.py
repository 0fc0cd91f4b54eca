from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partita.models import build
from partita.training import losses
from partita.training.task import SeparationTask, learning_rate_factor
from tests.training.runs import config


class Song:
    """Noise in memory; the last stem is silent."""

    samples = 100_000
    deviation = 0.1

    def __init__(self):
        self.stems = (0.1 * np.random.default_rng(0).standard_normal((4, 2, self.samples))).astype(np.float32)
        self.stems[3] = 0

    def read(self, start=0, samples=None):
        return self.stems[..., start : None if samples is None else start + samples]


@pytest.mark.parametrize(("loss", "distance"), [("l1", F.l1_loss), ("mse", F.mse_loss), ("log_mse", losses.log_mse)])
def test_a_song_is_scored_as_if_it_were_separated_whole(loss, distance):
    """A model without LSTM says the same in windows; the windows of 0.5 s cover the song in several."""
    torch.manual_seed(0)
    model = build("demucs", channels=4, depth=2, lstm_layers=0).eval()
    task = SeparationTask(model, config("run.window=0.5", f"optim.loss={loss}"), steps=1)
    song = Song()
    with torch.no_grad():
        counted, found, *sdr = task._score(song)
        stems = torch.from_numpy(song.stems / 0.1)
        estimates = model(stems.sum(0)[None])[0]
        expected = float(distance(estimates[None], stems[None]))
        ratio = 10 * torch.log10(stems.square().sum((1, 2)) / (stems - estimates).square().sum((1, 2)))
    assert counted == 1
    assert found == pytest.approx(expected, rel=1e-5)
    assert sdr[:3] == pytest.approx(ratio[:3].tolist(), abs=1e-4)
    assert np.isnan(sdr[3])


@pytest.mark.parametrize("intact", [0, 0.5, 1])
def test_some_groups_stay_as_they_were_played(intact):
    """Every sample says which song it is of, and when; a song is whole where its stems agree on both."""
    options = ("augment.flip_sign=false", "augment.flip_channels=false", "augment.scale=[1.0, 1.0]")
    task = SeparationTask(build("demucs", channels=4, depth=2), config(f"augment.intact={intact}", *options), steps=1)
    stems = (torch.arange(200)[:, None] * 10000 + torch.arange(8820)).float()[:, None, None].repeat(1, 4, 2, 1)
    first = task._augment(stems, 0)[:, :, 0, 0]
    whole = (first == first[:, :1]).all(1).reshape(-1, 4)
    assert torch.equal(whole.all(1), whole.any(1))  # a group at a time
    assert abs(float(whole.float().mean()) - intact) <= (0.2 if intact == 0.5 else 0)


def test_learning_rates():
    assert learning_rate_factor(0, 100, 10, "constant") == pytest.approx(0.1)
    assert learning_rate_factor(50, 100, 10, "constant") == 1
    assert learning_rate_factor(100, 100, 10, "constant") == 1
    cooling = [learning_rate_factor(step, 100, 10, "constant", cooldown=20) for step in (0, 80, 90, 100, 101)]
    assert cooling == pytest.approx([0.1, 1, 0.5, 0, 0])
    assert learning_rate_factor(10, 110, 10, "cosine") == pytest.approx(1)
    assert learning_rate_factor(60, 110, 10, "cosine") == pytest.approx(0.5)
    assert learning_rate_factor(110, 110, 10, "cosine") == pytest.approx(0)
