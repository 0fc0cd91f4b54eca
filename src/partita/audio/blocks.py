"""Blocks of samples, the unit in which audio is read and processed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Samples", "regroup"]

BLOCK = 65536  # samples; the default length of a block

Samples = NDArray[np.float32]


def regroup(chunks: Iterable[Samples], size: int = BLOCK) -> Iterator[Samples]:
    """Cut consecutive chunks of any length into blocks of equal length.

    Args:
        chunks: Samples, float32 ``(channels, any)``.
        size: Length of a block in samples.

    Yields:
        C-contiguous float32 ``(channels, size)``; only the last block may be shorter, and none is empty.
    """
    held: list[Samples] = []
    count = 0
    for chunk in chunks:
        if not count and chunk.shape[1] == size:
            yield np.ascontiguousarray(chunk)
            continue
        held.append(chunk)
        count += chunk.shape[1]
        if count >= size:
            joined = np.concatenate(held, axis=1)
            whole = count - count % size
            for start in range(0, whole, size):
                yield np.ascontiguousarray(joined[:, start : start + size])
            held, count = [joined[:, whole:]], count - whole
    if count:
        yield np.ascontiguousarray(np.concatenate(held, axis=1))
