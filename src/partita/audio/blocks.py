"""Blocks of samples, the unit in which audio is read and processed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Samples", "copies", "interleaved", "regroup"]

BLOCK = 65536  # samples; the default length of a block

Samples = NDArray[np.float32]


def interleaved(block: Samples) -> Samples:
    """Return samples ``(channels, samples)`` as C-contiguous ``(samples, channels)``, without a copy if possible."""
    frames = block.T
    return frames if frames.flags.c_contiguous else np.stack(list(block), axis=1)  # faster than ascontiguousarray


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


def copies(blocks: Iterable[Samples], count: int) -> list[Iterator[Samples]]:
    """Return iterators that each yield all blocks.

    A block is kept until the last of them has yielded it; :func:`itertools.tee` would keep up to 57 more.
    """
    source = iter(blocks)
    waiting: list[deque[Samples]] = [deque() for _ in range(count)]

    def copy(mine: deque[Samples]) -> Iterator[Samples]:
        while True:
            if not mine:
                if (block := next(source, None)) is None:
                    return
                for queue in waiting:
                    queue.append(block)
            yield mine.popleft()

    return [copy(queue) for queue in waiting]
