from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partita.audio.blocks import regroup


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 120))
def test_blocks_have_the_requested_size(lengths, size):
    whole = np.arange(2 * sum(lengths), dtype=np.float32).reshape(2, -1)
    edges = np.cumsum([0, *lengths])
    blocks = list(regroup((whole[:, a:b] for a, b in pairwise(edges)), size))
    assert [block.shape[1] for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert all(0 < block.shape[1] <= size and block.flags.c_contiguous for block in blocks)
    assert np.array_equal(np.concatenate([whole[:, :0], *blocks], axis=1), whole)
