from __future__ import annotations

import numpy as np
import pytest
import torch

from partita.data.excerpts import ExcerptDataset
from partita.data.repitch import Repitch
from tests.data.test_cache import cached
from tests.data.test_songs import make_song


@pytest.fixture
def songs(tmp_path):
    for index in range(3):
        make_song(tmp_path / "songs" / str(index), seed=index)
    return cached(tmp_path / "songs", tmp_path)


def test_an_excerpt_is_determined_by_seed_and_index(songs):
    options = {"samples": 5000, "length": 20}
    one, again = (ExcerptDataset(songs, seed=1, **options) for _ in range(2))
    other = ExcerptDataset(songs, seed=2, **options)
    assert len(one) == 20
    for index in range(5):
        assert one[index].shape == (4, 2, 5000)
        assert one[index].dtype == torch.float32
        assert torch.equal(one[index], again[index])
        assert not torch.equal(one[index], other[index])


def test_excerpts_are_normalised_by_their_song(songs):
    mixture = ExcerptDataset(songs[:1], samples=80000, length=1, seed=0)[0].sum(0).mean(0)
    assert mixture.std().item() == pytest.approx(1, abs=0.05)


def test_an_excerpt_longer_than_the_song_ends_in_silence(songs):
    excerpt = ExcerptDataset(songs, samples=100_000, length=1, seed=0)[0]
    assert excerpt[..., :88200].any()
    assert not excerpt[..., 88200:].any()


def test_weights_draw_some_songs_more_often(tmp_path):
    for index, name in enumerate(("rare", "often")):
        make_song(tmp_path / "songs" / name, seed=index, stems=("drums",) if index else ("bass",))
    songs = cached(tmp_path / "songs", tmp_path)  # often (drums), rare (bass)
    excerpts = ExcerptDataset(songs, samples=100, length=400, seed=0, weights=[3.0, 1.0])
    drums = sum(bool(excerpts[index][0].any()) for index in range(400))
    assert 260 < drums < 340


def test_some_excerpts_are_repitched_in_workers_too(songs):
    options = {"samples": 20000, "length": 8, "seed": 3}
    changed = ExcerptDataset(songs, repitch=Repitch(probability=0.5), **options)
    loaded = list(torch.utils.data.DataLoader(changed, batch_size=None, num_workers=2))
    assert all(excerpt.shape == (4, 2, 20000) for excerpt in loaded)
    for index, excerpt in enumerate(loaded):
        assert torch.equal(excerpt, changed[index])
    draws = [changed.repitch.draw(np.random.default_rng((3, index))) for index in range(8)]
    assert 0 < sum(draw is not None for draw in draws) < 8
    never = ExcerptDataset(songs, repitch=Repitch(probability=0), **options)
    plain = [never[index] for index, draw in enumerate(draws) if draw is None]
    kept = [excerpt for excerpt, draw in zip(loaded, draws, strict=True) if draw is None]
    assert all(map(torch.equal, plain, kept))  # the others are unchanged
