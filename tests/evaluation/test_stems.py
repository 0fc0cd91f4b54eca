from __future__ import annotations

import numpy as np
import pytest

from partita.evaluation.stems import StemPair, frame_bounds

STEMS = np.arange(24.0).reshape(2, 2, 6)


def test_a_piece_holds_references_and_estimates():
    piece = StemPair(STEMS, -STEMS).read(1, 4, (0, 6))
    np.testing.assert_array_equal(piece, [STEMS[..., 1:4], -STEMS[..., 1:4]])


def test_a_piece_is_zero_outside_its_bounds():
    piece = StemPair(STEMS, STEMS).read(-2, 8, (1, 4))[0]
    np.testing.assert_array_equal(piece[..., 3:6], STEMS[..., 1:4])
    assert not piece[..., :3].any()
    assert not piece[..., 6:].any()


def test_lists_are_stems_too():
    pair = StemPair(STEMS.tolist(), STEMS.astype(np.float32))
    assert (pair.sources, pair.channels, pair.samples) == (2, 2, 6)
    assert pair.read(0, 6, (0, 6)).dtype == np.float64


@pytest.mark.parametrize(
    ("references", "estimates", "message"),
    [
        (STEMS, STEMS[:1], r"references \(2, 2, 6\) and estimates \(1, 2, 6\) differ in shape"),
        (STEMS[0], STEMS[0], r"must be \(sources, channels, samples\), at least one of each, not \(2, 6\)"),
        (STEMS[:0], STEMS[:0], "at least one of each"),
    ],
)
def test_shapes_that_do_not_fit(references, estimates, message):
    with pytest.raises(ValueError, match=message):
        StemPair(references, estimates)


def test_a_sample_that_is_not_finite_is_named():
    estimates = STEMS.copy()
    estimates[1, 0, 3] = np.inf
    with pytest.raises(ValueError, match="estimates: source 1 is not finite at sample 3"):
        StemPair(STEMS, estimates).read(2, 5, (0, 6))


@pytest.mark.parametrize(
    ("samples", "window", "hop", "bounds"),
    [
        (10, 4, 4, [(0, 4), (4, 8)]),
        (10, 4, 3, [(0, 4), (3, 7), (6, 10)]),
        (3, 4, 4, [(0, 3)]),
        (4, 4, 1, [(0, 4)]),
    ],
)
def test_frames_are_whole_except_that_of_a_short_track(samples, window, hop, bounds):
    assert frame_bounds(samples, window, hop) == bounds


@pytest.mark.parametrize(("window", "hop"), [(0, 1), (1, 0)])
def test_frames_of_no_length(window, hop):
    with pytest.raises(ValueError, match="at least 1 sample"):
        frame_bounds(10, window, hop)
