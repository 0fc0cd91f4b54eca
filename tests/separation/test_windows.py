from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.models.geometry import Geometry
from partita.separation.windows import Blend, overlap_add, plan_windows, triangle

GEOMETRY = Geometry(multiple=8, shortest_input=30, shortest_output=12, edge=3)


def identity(batch):
    """A model that gives every stem the mixture, and nonsense at the edges of a window."""
    left, right = GEOMETRY.left_context, GEOMETRY.right_context
    stems = np.stack([batch[:, :, left:-right]] * 2, axis=1)
    stems[..., :3] = stems[..., -3:] = 99
    return stems


def cut(x, sizes):
    """Cut a signal into blocks ``(samples, channels)`` of the sizes, again and again."""
    position, index = 0, 0
    while position < x.shape[1]:
        size = sizes[index % len(sizes)]
        yield x[:, position : position + size].T
        position, index = position + size, index + 1


@settings(deadline=None)
@given(
    samples=st.integers(1, 400),
    segment=st.integers(1, 100),
    overlap=st.floats(0, 0.95),
    batch_size=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    offsets=st.sets(st.integers(0, 40), max_size=2).map(lambda more: tuple({0, *more})),
)
def test_a_model_that_changes_nothing_gives_the_mixture(samples, segment, overlap, batch_size, sizes, offsets):
    x = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    plan = plan_windows(samples, segment=segment, overlap=overlap, geometry=GEOMETRY, offsets=offsets)
    found = np.concatenate(list(overlap_add(cut(x, sizes), plan, identity, batch_size=batch_size)), axis=-1)
    assert found.shape == (2, 2, samples)
    np.testing.assert_allclose(found, np.stack([x, x]), atol=1e-5)


def test_windows_hop_by_the_wanted_overlap():
    geometry = Geometry(multiple=10, shortest_input=120, shortest_output=100)
    plan = plan_windows(1000, segment=200, overlap=0.25, geometry=geometry)
    assert plan.length == 200
    assert plan.starts == (0, 150, 300, 450, 600, 750, 800)


def test_the_last_window_ends_with_the_track_on_the_lattice():
    geometry = Geometry(multiple=8, shortest_input=108, shortest_output=100)
    plan = plan_windows(10003, segment=1000, overlap=0.25, geometry=geometry)
    assert {start % 8 for start in plan.starts} == {0}
    assert 10003 <= plan.starts[-1] + plan.length < 10003 + 8


def test_a_short_track_is_one_short_window():
    plan = plan_windows(50, segment=44100, overlap=0.25, geometry=GEOMETRY)
    assert plan.starts == (-3,)
    assert plan.length < 50 + 2 * 3 + 8


def test_windows_count_most_in_their_middle():
    """Of two windows that disagree, the nearer one's middle wins, without a jump anywhere."""
    geometry = Geometry(multiple=1, shortest_input=1, shortest_output=1)
    plan = plan_windows(150, segment=100, overlap=0.5, geometry=geometry)
    calls = iter([0.0, 1.0])

    def run(batch):
        return np.full((1, 1, *batch.shape[1:]), next(calls), np.float32)

    (found,) = np.concatenate(list(overlap_add([np.zeros((150, 1), np.float32)], plan, run, batch_size=1)), -1)
    assert (found[0, :50] == 0).all()
    assert (found[0, 100:] == 1).all()
    steps = np.diff(found[0])
    assert steps.min() >= 0
    assert steps.max() < 0.03


@pytest.mark.parametrize("options", [{"segment": 0}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_nonsense_is_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        plan_windows(100, **{"segment": 10, "overlap": 0.25, **options}, geometry=GEOMETRY)


def test_triangles():
    np.testing.assert_allclose(triangle(5), [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(triangle(4), [1 / 2, 1, 1, 1 / 2])
    np.testing.assert_array_equal(triangle(1), [1])


def test_a_blend_is_the_weighted_mean():
    blend = Blend(10, np.array([1, 3, 1], np.float32))
    assert blend.add(10, np.array([[1, 2, 3]], np.float32)).shape == (1, 0)
    np.testing.assert_array_equal(blend.add(11, np.array([[4, 4, 8]], np.float32)), [[1]])
    assert blend.position == 11
    # (3 * 2 + 1 * 4) / (3 + 1), (1 * 3 + 3 * 4) / (1 + 3), 8
    np.testing.assert_array_equal(blend.rest(), [[2.5, 3.75, 8]])
    assert blend.position == 14


def test_windows_at_one_place_are_averaged():
    blend = Blend(0, np.array([1, 2], np.float32))
    assert blend.add(0, np.array([1, 2], np.float32)).size == 0
    assert blend.add(0, np.array([3, 6], np.float32)).size == 0
    np.testing.assert_array_equal(blend.rest(), [2, 4])


def test_a_window_after_another_finishes_it():
    blend = Blend(0, np.ones(3, np.float32))
    blend.add(0, np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(blend.add(3, np.array([4, 5, 6], np.float32)), [1, 2, 3])
    np.testing.assert_array_equal(blend.rest(), [4, 5, 6])


def test_windows_are_not_changed():
    window = np.array([1, 2, 3], np.float32)
    blend = Blend(0, np.array([1, 2, 1], np.float32))
    blend.add(0, window)
    blend.add(1, window)
    np.testing.assert_array_equal(window, [1, 2, 3])
