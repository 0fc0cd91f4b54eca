from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partita.audio.blocks import interleaved, regroup


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
