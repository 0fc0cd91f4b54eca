from __future__ import annotations

import weakref
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio.blocks import copies, interleaved, regroup


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 120))
def test_blocks_have_the_requested_size(lengths, size):
    whole = np.arange(2 * sum(lengths), dtype=np.float32).reshape(2, -1)
    edges = np.cumsum([0, *lengths])
    blocks = list(regroup((whole[:, a:b] for a, b in pairwise(edges)), size))
    assert [block.shape[1] for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert all(0 < block.shape[1] <= size and block.flags.c_contiguous for block in blocks)
    assert np.array_equal(np.concatenate([whole[:, :0], *blocks], axis=1), whole)


def test_interleaving_copies_only_what_has_to_be_moved():
    block = np.arange(12, dtype=np.float32).reshape(2, 6)
    frames = interleaved(block[:, 1:5])
    assert frames.flags.c_contiguous
    assert np.array_equal(frames, block[:, 1:5].T)
    assert np.shares_memory(interleaved(frames.T), frames)


def test_a_block_of_the_requested_size_is_passed_on():
    block = np.zeros((2, 10), np.float32)
    (passed,) = regroup([block], 10)
    assert passed is block


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=8), st.integers(1, 4), st.data())
def test_copies_yield_the_same_blocks_in_any_order(lengths, count, data):
    blocks = [np.full((1, length), length, np.float32) for length in lengths]
    found = [[] for _ in range(count)]
    iterators = dict(enumerate(copies(blocks, count)))
    while iterators:
        index = data.draw(st.sampled_from(sorted(iterators)))
        block = next(iterators[index], None)
        if block is None:
            del iterators[index]
        else:
            found[index].append(block)
    assert all(len(mine) == len(blocks) for mine in found)
    assert all(block is original for mine in found for block, original in zip(mine, blocks, strict=True))


def test_a_block_is_kept_until_all_copies_have_yielded_it():
    alive = []

    def blocks():
        for _ in range(50):
            block = np.zeros((1, 10), np.float32)
            alive.append(weakref.ref(block))
            yield block

    one, other = copies(blocks(), 2)
    for _ in range(10):
        next(one)
    assert len(alive) == 10  # no block is read before it is needed
    assert sum(ref() is not None for ref in alive) >= 9
    for _ in range(10):
        next(other)
    assert sum(ref() is not None for ref in alive) <= 1  # the generator still holds the last one


def test_an_error_of_the_source_reaches_the_reader():
    def blocks():
        yield np.zeros((1, 10), np.float32)
        raise ValueError("broken")

    one, other = copies(blocks(), 2)
    assert next(one).shape == (1, 10)
    with pytest.raises(ValueError, match="broken"):
        next(one)
    assert next(other).shape == (1, 10)
    assert next(other, None) is None
