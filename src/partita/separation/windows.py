"""Overlapping windows over a track of any length, in memory for a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError
from partita.models.geometry import Geometry
from partita.options import DEFAULT_OVERLAP

__all__ = ["DEFAULT_OVERLAP", "WindowPlan", "overlap_add", "plan_windows"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WindowPlan:
    """Which windows cover a track.

    Attributes:
        samples: Length of the track.
        length: Length of a window's output in samples, edges included.
        starts: Where each window's output begins, in ascending order; the first ones begin before the track.
        geometry: How much input the model needs around a window.
    """

    samples: int
    length: int
    starts: tuple[int, ...]
    geometry: Geometry


def plan_windows(
    samples: int, *, segment: int, overlap: float, geometry: Geometry, offsets: tuple[int, ...] = (0,)
) -> WindowPlan:
    """Lay windows over a track.

    The output of a window, its edges left out, has at least ``segment`` samples (fewer if the track is shorter), and
    windows hop by a multiple of ``geometry.multiple``. A purely convolutional model therefore gives each sample the
    same output in every window, equal to that of one window over the whole track.

    Args:
        samples: Length of the track.
        segment: Minimum length of a window in samples.
        overlap: Fraction of a window that the next one covers too, in [0, 1).
        geometry: Of the model.
        offsets: Each offset adds a row of windows that begins this many samples before the track; the result is
            the mean over the rows (the paper's shift trick, section 4.4).

    Raises:
        ConfigError: The segment is shorter than a sample, or the overlap is not in [0, 1).
    """
    if segment < 1:
        raise ConfigError("segment: must be longer than 0")
    if not 0 <= overlap < 1:
        raise ConfigError(f"overlap: must be at least 0 and less than 1, not {overlap}")
    needed = max(1, min(max(segment, geometry.multiple), samples + max(offsets)))
    length = geometry.output_length(needed + 2 * geometry.edge)
    inner = length - 2 * geometry.edge
    hop = max(1, min(round(inner * (1 - overlap) / geometry.multiple), inner // geometry.multiple)) * geometry.multiple
    starts: list[int] = []
    for offset in offsets:
        rest = samples + offset - inner  # beyond the first window
        count = 1 + max(0, -(-rest // hop))
        # the last window ends as close to the end of the track as the multiple allows: silence after it helps no model
        last = max(0, -(-rest // geometry.multiple)) * geometry.multiple
        starts += [min(index * hop, last) - offset - geometry.edge for index in range(count)]
    return WindowPlan(samples, length, tuple(sorted(starts)), geometry)


def overlap_add(
    blocks: Iterable[Array], plan: WindowPlan, run: Callable[[Array], Array], *, batch_size: int
) -> Iterator[Array]:
    """Run a model over the windows of a track and blend their outputs.

    Windows are weighted by a triangle, since the model has most context in the middle of a window.

    Args:
        blocks: The mixture, consecutive blocks ``(channels, any)`` of ``plan.samples`` in total.
        plan: The windows.
        run: ``(batch, channels, input length) -> (batch, sources, channels, plan.length)``.
        batch_size: Windows passed to ``run`` at once.

    Yields:
        Consecutive blocks of stems ``(sources, channels, any)`` of ``plan.samples`` in total.
    """
    tape = _Tape(blocks, plan.samples)
    weight = _triangle(plan.length, plan.geometry.edge)
    left, input_length = plan.geometry.left_context, plan.geometry.input_length(plan.length)
    total: Array | None = None  # weighted sum of the windows over [done, done + length)
    weights = np.zeros(plan.length, np.float32)
    done = plan.starts[0]
    for first in range(0, len(plan.starts), batch_size):
        starts = plan.starts[first : first + batch_size]
        batch = np.stack([tape.read(start - left, input_length) for start in starts])
        following = plan.starts[first + batch_size :]
        tape.forget(following[0] - left if following else plan.samples)
        for start, stems in zip(starts, run(batch), strict=True):
            if total is None:
                total = np.zeros_like(stems)
            if start > done:  # no later window reaches back before this one
                yield from _within(total, weights, start - done, done, plan.samples)
                _advance(total, start - done)
                _advance(weights, start - done)
                done = start
            total += stems * weight
            weights += weight
    if total is not None:
        yield from _within(total, weights, plan.length, done, plan.samples)


def _within(total: Array, weights: Array, count: int, start: int, samples: int) -> Iterator[Array]:
    """Yield the finished blend of the next ``count`` samples, where they lie in the track."""
    first, last = max(0, -start), min(count, samples - start)
    if first < last:
        yield total[..., first:last] / weights[first:last]


def _advance(buffer: Array, count: int) -> None:
    kept = buffer.shape[-1] - count
    if kept > 0:
        buffer[..., :kept] = buffer[..., count:].copy()
        buffer[..., kept:] = 0
    else:
        buffer[...] = 0


def _triangle(length: int, edge: int) -> Array:
    rising = np.arange(1, length + 1 - 2 * edge, dtype=np.float32)
    return np.pad(np.minimum(rising, rising[::-1]) / np.float32((rising.size + 1) // 2), edge)


class _Tape:
    """The part of a stream that windows still need, with silence before its beginning and after its end."""

    def __init__(self, blocks: Iterable[Array], samples: int) -> None:
        self._blocks = iter(blocks)
        self._samples = samples
        self._kept: list[Array] = []
        self._start = 0  # of the first kept block
        self._end = 0

    def read(self, start: int, samples: int) -> Array:
        """Return ``(channels, samples)`` from ``start`` on."""
        while not self._kept or self._end < min(start + samples, self._samples):
            block = next(self._blocks)
            self._kept.append(block)
            self._end += block.shape[1]
        out = np.zeros((self._kept[0].shape[0], samples), np.float32)
        position = self._start
        for block in self._kept:
            first, last = max(start, position), min(start + samples, position + block.shape[1])
            if first < last:
                out[:, first - start : last - start] = block[:, first - position : last - position]
            position += block.shape[1]
        return out

    def forget(self, before: int) -> None:
        """Drop the blocks that end before a sample."""
        while self._kept and self._start + self._kept[0].shape[1] <= before and len(self._kept) > 1:
            self._start += self._kept.pop(0).shape[1]
