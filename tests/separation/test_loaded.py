from __future__ import annotations

import numpy as np
import pytest

from partita.separation import Separator, SeparatorOptions
from partita.separation.loaded import LoadedModel, weighted_sum


def blocks_of(track, *cuts):
    return iter(np.split(track, cuts, axis=-1))


def test_tracks_are_summed_by_weights_however_they_are_cut():
    rng = np.random.default_rng(0)
    tracks = rng.standard_normal((2, 3, 2, 100_000)).astype(np.float32)
    weights = [[1, 0, 0.25], [0, 1, 0.75]]
    blocks = weighted_sum([blocks_of(tracks[0], 10, 70_000), blocks_of(tracks[1], 65_536, 90_000)], weights)
    found = np.concatenate(list(blocks), axis=-1)
    assert found.dtype == np.float32
    expected = np.einsum("ts,tscn->scn", weights, tracks)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found[0], tracks[0, 0])


def test_a_single_track_stays_as_it_is():
    track = np.ones((1, 2, 10), np.float32)
    (block,) = weighted_sum([iter([track])], [[1]])
    assert block is track
    (half,) = weighted_sum([iter([track])], [[0.5]])
    np.testing.assert_array_equal(half, track / 2)


def test_tracks_of_different_lengths_are_an_error():
    short, long = (np.ones((1, 1, length), np.float32) for length in (65_536, 65_537))
    with pytest.raises(ValueError, match="zip"):
        list(weighted_sum([iter([short]), iter([long])], [[0.5], [0.5]]))


@pytest.mark.parametrize("segment", [None, 0.5])
def test_the_segment_is_that_of_the_model_unless_another_is_chosen(recurrent, noise, segment):
    model = LoadedModel(recurrent, SeparatorOptions(segment=segment, device="cpu", threads=1))
    separator = Separator(recurrent, segment=segment, device="cpu", threads=1)
    mixture = separator.open(noise)
    found = np.concatenate(list(model.separate(iter([noise.T]), mixture.statistics)), axis=-1)
    for stem, expected in zip(found, separator.separate(noise).values(), strict=True):
        np.testing.assert_array_equal(stem, expected)
