"""Overlapping windows over a track of any length, in memory for a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError
from partita.models.geometry import Geometry
from partita.options import DEFAULT_OVERLAP
from partita.separation.tape import Tape

__all__ = ["DEFAULT_OVERLAP", "Blend", "WindowPlan", "check_windows", "overlap_add", "plan_windows", "triangle"]

Array = npt.NDArray[np.float32]

_LEAST = np.float32(1e-9)


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
    check_windows(segment, overlap)
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


def check_windows(segment: int, overlap: float) -> None:
    """Check the options of :func:`plan_windows`.

    Raises:
        ConfigError: As there.
    """
    if segment < 1:
        raise ConfigError("segment: must be longer than 0")
    if not 0 <= overlap < 1:
        raise ConfigError(f"overlap: must be at least 0 and less than 1, not {overlap}")


def overlap_add(
    blocks: Iterable[Array], plan: WindowPlan, run: Callable[[Array], Array], *, batch_size: int
) -> Iterator[Array]:
    """Run a model over the windows of a track and blend their outputs.

    Windows are weighted by a triangle, since the model has most context in the middle of a window.

    Args:
        blocks: The mixture, consecutive blocks ``(samples, channels)`` of ``plan.samples`` in total.
        plan: The windows.
        run: ``(batch, channels, input length) -> (batch, sources, channels, plan.length)``.
        batch_size: Windows passed to ``run`` at once.

    Yields:
        Consecutive blocks of stems ``(sources, channels, any)`` of ``plan.samples`` in total.
    """
    tape = Tape(blocks)
    edge = plan.geometry.edge
    blend = Blend(plan.starts[0], np.pad(triangle(plan.length - 2 * edge), edge))
    left, input_length = plan.geometry.left_context, plan.geometry.input_length(plan.length)
    for first in range(0, len(plan.starts), batch_size):
        starts = plan.starts[first : first + batch_size]
        batch = np.stack([tape.read(start - left, start - left + input_length).T for start in starts])
        following = plan.starts[first + batch_size :]
        tape.forget(following[0] - left if following else plan.samples)
        for start, stems in zip(starts, run(batch), strict=True):
            yield from _within(blend.position, blend.add(start, stems), plan.samples)
    yield from _within(blend.position, blend.rest(), plan.samples)


class Blend:
    """The weighted mean of overlapping windows.

    Args:
        start: Where the first window begins.
        weight: Weights of a window, ``(length,)``.

    Attributes:
        position: Where the samples that are not finished begin.
    """

    def __init__(self, start: int, weight: Array) -> None:
        self.position = start
        self._weight = weight
        self._weights = np.zeros_like(weight)  # sum over the windows, like the total
        self._total: Array | None = None

    def add(self, start: int, window: Array) -> Array:
        """Add a window ``(..., length)`` that begins no earlier than the one before it.

        Returns:
            The samples before it, which no later window can change, ``(..., any)``.
        """
        if self._total is None:
            self._total = np.zeros_like(window)
        finished = self._take(start - self.position)
        self._total += window * self._weight
        self._weights += self._weight
        return finished

    def rest(self) -> Array:
        """Return the last samples."""
        return self._take(len(self._weight))

    def _take(self, count: int) -> Array:
        assert self._total is not None
        weights = np.maximum(self._weights[:count], _LEAST)  # edges of windows have none; they are not used
        finished = np.divide(self._total[..., :count], weights, dtype=np.float32)
        for buffer in (self._total, self._weights):
            kept = max(0, len(self._weight) - count)
            buffer[..., :kept] = buffer[..., count:].copy()
            buffer[..., kept:] = 0
        self.position += count
        return finished


def triangle(length: int) -> Array:
    """Return weights that rise to 1 in the middle of a window, float32 ``(length,)``."""
    rising = np.arange(1, length + 1, dtype=np.float32)
    return np.divide(np.minimum(rising, rising[::-1]), (length + 1) // 2, dtype=np.float32)


def _within(start: int, stems: Array, samples: int) -> Iterator[Array]:
    """Yield the part of a block that lies in the track, unless it is empty."""
    inside = stems[..., max(0, -start) : max(0, samples - start)]
    if inside.shape[-1]:
        yield inside
