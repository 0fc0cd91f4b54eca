from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.evaluation.compare import MEAN, compare
from partita.evaluation.results import Run
from tests.evaluation.fake_runs import fake_run, fake_song

NAN, INF = np.nan, np.inf


def one_source(differences, metric="sdr", **options):
    """Compare two runs of one source that differ by so much song by song."""
    first = fake_run("first", {f"song {at}": [2.0] for at in range(len(differences))}, ["vocals"])
    second = fake_run("second", {f"song {at}": [2.0 + value] for at, value in enumerate(differences)}, ["vocals"])
    (row,) = compare(first, second, metric, **options).rows
    return row


def test_songs_and_sources_are_matched_by_name():
    first = fake_run("first", {"one": [1, 2, 3], "two": [4, 5, 6], "mine": [0, 0, 0]}, ("drums", "vocals", "keys"))
    second = fake_run("second", {"yours": [9, 9], "two": [8, 4.5], "one": [2, 3]}, ("vocals", "drums"))
    comparison = compare(first, second)
    assert (comparison.first, comparison.second, comparison.metric, comparison.whole) == (
        "first",
        "second",
        "sdr",
        False,
    )
    drums, vocals, mean = comparison.rows
    assert (drums.source, vocals.source, mean.source) == ("drums", "vocals", MEAN)
    assert drums.songs == vocals.songs == mean.songs == ("one", "two")
    np.testing.assert_allclose(drums.values, [2, 0.5])
    np.testing.assert_allclose(vocals.values, [0, 3])
    np.testing.assert_allclose(mean.values, [1, 1.75])
    assert (drums.mean, drums.median) == (1.25, 1.25)


def test_the_mean_is_over_the_sources_that_both_score():
    first = fake_run("first", {"one": [1, NAN], "two": [1, 1], "none": [NAN, 3]})
    second = fake_run("second", {"one": [2, 7], "two": [2, 4], "none": [2, NAN]})
    drums, vocals, mean = compare(first, second).rows
    assert (drums.songs, vocals.songs, mean.songs) == (("one", "two"), ("two",), ("one", "two"))
    np.testing.assert_allclose(mean.values, [1, 2])


@pytest.mark.parametrize("count", [5, 6, 10])
def test_signed_ranks_that_all_agree(count):
    # one of the 2 ** n ways to give n ranks their signs, on either side
    row = one_source(np.arange(1, count + 1))
    assert row.p_value == pytest.approx(2 / 2**count)
    assert row.reason == ""


def test_equal_ranks_are_shared():
    # 0.3 and -0.3 are of one size, though 2.3 - 2 and 1.7 - 2 are not quite; 3 of 8 ways have at most that rank
    assert one_source([1.0, 0.3, -0.3]).p_value == pytest.approx(6 / 8)


def test_signed_ranks_by_hand():
    # the rank against the others is 2; of the 16 ways to give ranks their signs, 3 have at most that on one side
    row = one_source([1, -2, 3, 4])
    assert row.p_value == pytest.approx(2 * 3 / 16)
    assert (row.mean, row.median) == (1.5, 2)


def test_the_interval_is_near_that_of_students_t():
    values = 0.4 + np.random.default_rng(1).standard_normal(200)
    row = one_source(values)
    half = 1.972 * values.std(ddof=1) / np.sqrt(200)
    np.testing.assert_allclose(row.interval, [values.mean() - half, values.mean() + half], atol=0.02)


def test_the_interval_leans_with_the_songs():
    row = one_source([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 6.0])
    low, high = row.interval
    assert high - row.mean > 1.5 * (row.mean - low)


def test_the_interval_repeats_with_its_seed():
    values = np.random.default_rng(2).standard_normal(30)
    assert one_source(values).interval == one_source(values).interval
    assert one_source(values).interval != one_source(values, seed=1).interval


@pytest.mark.parametrize(
    ("differences", "mean", "reason"),
    [
        ([], None, "no song has a score in both runs"),
        ([NAN, INF], None, "no song has a score in both runs"),
        ([0.7], 0.7, "one song is too few"),
        ([0.7, NAN], 0.7, "one song is too few"),
        ([0.0, 0.0, 0.0], 0.0, "all scores are equal"),
    ],
)
def test_too_little_to_tell(differences, mean, reason):
    row = one_source(differences)
    assert (row.interval, row.p_value, row.reason) == (None, None, reason)
    assert row.mean == (None if mean is None else pytest.approx(mean))
    assert row.median == row.mean


def test_songs_that_all_differ_by_the_same():
    row = one_source([0.1] * 7)
    assert (row.interval, row.reason) == (None, "the difference is the same in every song")
    assert row.p_value < 0.05


def test_whole_songs():
    first = Run("a", ("drums",), 1, 1, (fake_song("one", [1], [INF]), fake_song("two", [1], [3])))
    second = Run("b", ("drums",), 1, 1, (fake_song("one", [1], [3]), fake_song("two", [1], [2.5])))
    (row,) = compare(first, second, "si_sdr", whole=True).rows
    assert row.songs == ("two",)
    assert row.mean == -0.5


def test_scores_that_only_one_run_has():
    scored = fake_run("a", {"one": [1, 2]})
    museval = Run("b", scored.sources, 1, 1, (fake_song("one", [1, 2]),))
    assert all(row.songs == () for row in compare(scored, museval, whole=True).rows)


def test_runs_with_nothing_in_common():
    first, second = fake_run("a", {"one": [1]}, ("drums",)), fake_run("b", {"two": [1]}, ("drums",))
    assert [row.mean for row in compare(first, second).rows] == [None]
    assert compare(first, fake_run("b", {"one": [1]}, ("keys",))).rows == ()
    assert [row.mean for row in compare(first, fake_run("b", {}, ("drums",))).rows] == [None]


TENTHS = st.integers(-300, 300).map(lambda tenths: tenths / 10)  # so that some are equal


@settings(deadline=None, max_examples=30)
@given(st.lists(TENTHS, max_size=7) | st.lists(TENTHS, min_size=14, max_size=30))
def test_whatever_the_scores(differences):
    row, back = one_source(differences), one_source([-value for value in differences])
    assert len(row.songs) == len(row.values) == len(differences)
    if row.interval is not None:
        low, high = row.interval
        assert min(row.values) - 1e-9 <= low <= row.mean <= high <= max(row.values) + 1e-9
    if row.p_value is not None:
        assert 0 < row.p_value <= 1
        assert row.p_value == pytest.approx(back.p_value)
    assert (row.interval is None or row.p_value is None) == bool(row.reason)
    assert row.mean == (None if back.mean is None else pytest.approx(-back.mean))


def test_an_unknown_metric():
    run = fake_run("a", {"one": [1, 2]})
    with pytest.raises(ConfigError, match=r"^metric: 'sdr_' is not a score of frames: did you mean 'sdr'\?$"):
        compare(run, run, "sdr_")
    with pytest.raises(ConfigError, match="'sar' is not a score of whole songs"):
        compare(run, run, "sar", whole=True)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ConfigError, match=r"^this needs scipy, which the extra 'evaluate' installs"):
        one_source([1, 2, 3])
