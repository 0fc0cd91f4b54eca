from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.separation.tape import Tape


def cut(rows, lengths):
    """Cut rows into consecutive blocks of these lengths; the last one takes the rest."""
    edges = [0, *np.minimum(np.cumsum(lengths), len(rows)).tolist(), len(rows)]
    return [rows[first:last] for first, last in pairwise(edges)]


@settings(deadline=None)
@given(
    st.integers(0, 60),
    st.lists(st.integers(0, 20), max_size=8),
    st.lists(st.tuples(st.integers(-30, 80), st.integers(0, 40)), min_size=1, max_size=6),
    st.booleans(),
)
def test_rows_outside_the_signal_are_blank(samples, lengths, reads, appended):
    rows = np.arange(2 * samples, dtype=np.float32).reshape(-1, 2)
    padded = np.pad(rows, ((100, 200), (0, 0)), constant_values=-1.5)
    tape = Tape(() if appended else cut(rows, lengths), blank=-1.5)
    for block in cut(rows, lengths) if appended else ():
        tape.append(block)
    for first, count in reads:
        found = tape.read(first, first + count)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, padded[100 + first : 100 + first + count])
    assert tape.end <= samples


def test_blocks_are_read_when_they_are_needed():
    rows = np.arange(40, dtype=np.float32).reshape(-1, 1)
    read = []
    tape = Tape(read.append(first) or rows[first : first + 10] for first in range(0, 40, 10))
    assert not read
    tape.read(2, 10)
    assert read == [0]
    tape.read(5, 21)
    assert read == [0, 10, 20]
    assert tape.end == 30


def test_rows_of_one_block_are_not_copied():
    block = np.ones((10, 2), np.float32)
    tape = Tape([block])
    assert np.shares_memory(tape.read(2, 8), block)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=8), st.lists(st.integers(0, 60), max_size=4))
def test_what_follows_is_kept(lengths, forgotten):
    rows = np.arange(60, dtype=np.float32).reshape(-1, 1)
    tape = Tape()
    for block in cut(rows, lengths):
        tape.append(block)
    for before in sorted(forgotten):
        tape.forget(before)
        np.testing.assert_array_equal(tape.read(before, 60), rows[before:])


def test_forgotten_blocks_are_freed():
    first, second = np.zeros((10, 1), np.float32), np.ones((10, 1), np.float32)
    tape = Tape()
    tape.append(first)
    tape.append(second)
    tape.forget(9)
    assert len(tape.read(0, 20)) == 20
    tape.forget(10)
    np.testing.assert_array_equal(tape.read(10, 20), second)
    assert tape.end == 20


@pytest.mark.parametrize(("first", "last"), [(0, 0), (-5, 3), (7, 9)])
def test_a_signal_without_rows(first, last):
    tape = Tape([np.zeros((0, 3), np.float32)])
    assert tape.read(first, last).shape == (last - first, 3)
