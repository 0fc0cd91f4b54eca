"""The part of a stream that is still needed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["Tape"]

Array = npt.NDArray[np.float32]


class Tape:
    """Rows that are appended at one end and forgotten at the other.

    Args:
        blocks: Blocks ``(any, width)`` that are appended when they are needed.
        blank: Value of what is read before the first row and after the last one.

    Attributes:
        end: Number of rows appended so far.
    """

    def __init__(self, blocks: Iterable[Array] = (), blank: float = 0.0) -> None:
        self.end = 0
        self._width = 0
        self._blank = np.float32(blank)
        self._blocks = iter(blocks)
        self._kept: list[Array] = []
        self._start = 0  # of the first kept block

    def append(self, rows: Array) -> None:
        """Append float32 ``(any, width)``; the array must not change afterwards."""
        self._width = rows.shape[1]
        self._kept.append(rows)
        self.end += len(rows)

    def read(self, first: int, last: int) -> Array:
        """Return rows ``first`` to ``last - 1``."""
        while (self.end < last or not self._width) and (block := next(self._blocks, None)) is not None:
            self.append(block)
        found = []
        position = self._start
        for block in self._kept:
            inside = block[max(0, first - position) : max(0, last - position)]
            if len(inside):
                found.append(inside)
            position += len(block)
        before = min(max(0, -first), last - first)
        after = min(max(0, last - self.end), last - first)
        if len(found) == 1 and not before and not after:
            return found[0]
        parts = [*self._blanks(before), *found, *self._blanks(after)]
        return np.concatenate(parts) if parts else np.empty((0, self._width), np.float32)

    def _blanks(self, count: int) -> list[Array]:
        # an empty array would decide on the order of the joined rows in memory
        return [np.full((count, self._width), self._blank)] if count else []

    def forget(self, before: int) -> None:
        """Drop the blocks that end before a row."""
        while self._kept and self._start + len(self._kept[0]) <= before:
            self._start += len(self._kept.pop(0))
