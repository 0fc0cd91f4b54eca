from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.zoo.pickles import CheckpointError
from partita.zoo.quantised import restore_quantised

WORD = 64


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Pack integers bit by bit: in a word, bit j is that of the integer j places of a row further on."""
    rows = np.concatenate([values, np.zeros(-len(values) % WORD, np.int64)]).reshape(1, WORD, -1).astype(np.uint64)
    words = np.zeros((1, bits, rows.shape[2]), np.uint64)
    for bit in range(bits):
        for place in range(WORD):
            words[:, bit] |= ((rows[:, place] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(place)
    return words.view(np.int64)


@settings(deadline=None)
@given(size=st.integers(1, 300), bits=st.integers(1, 8), seed=st.integers(0, 99))
def test_packed_levels_are_those_that_are_not_packed(size, bits, seed):
    levels = np.random.default_rng(seed).integers(0, 2**bits, size)
    scales = (np.float32(-1), np.float32(2))
    options = {"min_size": 0, "uniform": True, "bits": bits}
    shapes = {"weight": (size,)}
    plain = {"quantized": [(levels.astype(np.int16), scales)], "others": [], "float16": []}
    packed = {**plain, "quantized": [(pack(levels, bits), scales)], "meta": {"packed": True}}
    expected = restore_quantised(plain, shapes, options)["weight"]
    np.testing.assert_array_equal(restore_quantised(packed, shapes, options)["weight"], expected)


def test_a_state_with_too_few_words_is_refused():
    state = {"quantized": [(pack(np.ones(64, np.int64), 2), (0.0, 1.0))], "others": [], "float16": []}
    options = {"min_size": 0, "uniform": True, "bits": 2}
    with pytest.raises(CheckpointError, match="damaged"):
        restore_quantised({**state, "meta": {"packed": True}}, {"weight": (1000,)}, options)
