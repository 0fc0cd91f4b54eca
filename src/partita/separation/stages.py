"""A track in stages: each piece is encoded and decoded once, and only the recurrence runs on overlapping windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Protocol

import numpy as np
import numpy.typing as npt

from partita.models.geometry import StagedGeometry
from partita.separation.tape import Tape
from partita.separation.windows import Blend, WindowPlan, triangle

__all__ = ["Stages", "separate_in_stages"]

Array = npt.NDArray[np.float32]

_RESERVE = 0.25  # of the frames of a window: as many are decoded in the time that its recurrence takes


class Stages(Protocol):
    """A model in stages. Several threads may call them at once.

    Attributes:
        geometry: Lengths of what the stages read and return.
        encoder_piece: Frames that are best encoded at once.
        decoder_piece: Frames that are best decoded at once.
    """

    geometry: StagedGeometry
    encoder_piece: int
    decoder_piece: int

    def encode(self, mixture: Array) -> Sequence[Array]:
        """Map ``(samples, channels)`` to rows ``(rows, channels)`` of each level but the outermost, frames last."""
        ...

    def recur(self, frames: Array) -> Array:
        """Map ``(frames, windows, channels)`` to the same shape."""
        ...

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        """Map frames, mixture and the rows of each level to stems ``(sources, channels, samples)``."""
        ...


def separate_in_stages(
    blocks: Iterable[Array],
    plan: WindowPlan,
    stages: Stages,
    pool: Executor,
    *,
    batch_size: int,
    ahead: int,
    mean: float = 0.0,
    deviation: float = 1.0,
) -> Generator[Array]:
    """Separate a track.

    Args:
        blocks: The mixture, consecutive blocks ``(samples, channels)`` of ``plan.samples`` in total.
        plan: The windows, all with one offset.
        stages: The model.
        pool: The threads it runs in.
        batch_size: Windows whose recurrence is computed at once.
        ahead: Pieces that the threads are given ahead of their use.
        mean: Of the mixture; it is subtracted, and a constant offset belongs to no stem.
        deviation: Standard deviation of the mixture, by which it is divided and the stems are multiplied.

    Yields:
        Consecutive blocks of stems ``(sources, channels, any)`` of ``plan.samples`` in total.
    """
    track = _Track(blocks, plan, _Normalised(stages, mean, deviation), pool, ahead, mean)
    try:
        for first in range(0, len(track.windows), batch_size):
            windows = track.windows[first : first + batch_size]
            track.encode(windows[-1] + track.length)
            recurrence = pool.submit(stages.recur, track.frames(windows))
            yield from track.decode(reserve=0)
            if first == 0:  # nothing could be decoded yet
                track.encode(track.encoded + round(_RESERVE * len(windows) * track.length))
            track.blend(windows, recurrence.result())
            # some pieces are left to decode while the next recurrence occupies one of the threads
            yield from track.decode(reserve=_RESERVE * len(windows))
        track.end()
        yield from track.decode(reserve=0)
        yield from track.drain()
    finally:
        track.cancel()


class _Normalised:
    """Stages that read a mixture at its own level and return stems at this level."""

    def __init__(self, stages: Stages, mean: float, deviation: float) -> None:
        self.geometry = stages.geometry
        self.encoder_piece, self.decoder_piece = stages.encoder_piece, stages.decoder_piece
        self.recur = stages.recur
        self._stages = stages
        self._mean = np.float32(mean)
        self._deviation = np.float32(deviation)

    def encode(self, mixture: Array) -> Sequence[Array]:
        return self._stages.encode(self._normalised(mixture))

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        stems = self._stages.decode(frames, self._normalised(mixture), skips)
        with np.errstate(over="ignore"):  # the caller of the separation checks it
            stems *= self._deviation
        return stems

    def _normalised(self, mixture: Array) -> Array:
        normalised = np.subtract(mixture, self._mean, order="C")
        normalised /= self._deviation
        return normalised


class _Track:
    """The state of a separation. Frames are counted from the beginning of the first window.

    Attributes:
        windows: First frame of each window, in ascending order.
        length: Frames of a window.
        encoded: Frames encoded so far.
        done: Frames decoded so far.
    """

    def __init__(
        self, blocks: Iterable[Array], plan: WindowPlan, stages: Stages, pool: Executor, ahead: int, blank: float
    ) -> None:
        self._stages = stages
        self._geometry = geometry = stages.geometry
        self._pool = pool
        self._ahead = ahead
        self._samples = plan.samples
        rate = geometry.samples
        self._base = plan.starts[0] - plan.geometry.left_context  # sample at which frame 0 begins
        self.windows = [(start - plan.starts[0]) // rate for start in plan.starts]
        first, last = geometry.encoder_span(0, 0)
        self.length = -(-(plan.geometry.input_length(plan.length) - (last - first)) // rate)
        self._total = self.windows[-1] + self.length
        self.encoded = self.done = 0
        self._ready = 0  # frames whose recurrence is final
        self._mixture = Tape(blocks, blank)
        self._levels = [Tape() for _ in geometry.skips]
        self._recurrent = Tape()
        self._blend = Blend(0, triangle(self.length))
        self._encoding: deque[tuple[int, Future[Sequence[Array]]]] = deque()
        self._submitted = 0  # frames whose encoding was submitted
        self._decoding: deque[tuple[int, int, Future[Array]]] = deque()

    def encode(self, until: int) -> None:
        """Encode the frames before ``until``, and begin with those after it."""
        while self.encoded < min(until, self._total):
            while len(self._encoding) <= self._ahead and self._submitted < self._total:
                first, last = self._submitted, min(self._submitted + self._stages.encoder_piece, self._total)
                mixture = self._mixture.read(*self._from_base(self._geometry.encoder_span(first, last)))
                self._encoding.append((last - first, self._pool.submit(self._stages.encode, mixture)))
                self._submitted = last
            count, future = self._encoding.popleft()
            levels = future.result()
            for tape, rows, level in zip(self._levels, levels, self._geometry.skips, strict=True):
                tape.append(rows[: count * level.rate])
            self.encoded += count

    def frames(self, windows: Sequence[int]) -> Array:
        """Return the frames of some windows, ``(frames, windows, channels)``."""
        return np.stack([self._levels[-1].read(first, first + self.length) for first in windows], axis=1)

    def blend(self, windows: Sequence[int], recurrent: Array) -> None:
        """Add the recurrence of some windows, ``(frames, windows, channels)``."""
        for first, window in zip(windows, np.moveaxis(recurrent, 1, 0), strict=True):
            self._finish(self._blend.add(first, window.T))

    def end(self) -> None:
        """Finish the frames that are left after the last window."""
        self._finish(self._blend.rest())

    def decode(self, reserve: float) -> Iterator[Array]:
        """Decode what is ready, except for the last frames, ``reserve`` times those of a window."""
        lost = self._geometry.lost_frames
        while self.done < self._total:
            first, last = self.done, min(self.done + self._stages.decoder_piece + lost, self._total)
            if last + reserve * self.length > self._ready:
                return
            mixture = self._mixture.read(*self._from_base(self._geometry.decoder_span(first, last)))
            frames = self._recurrent.read(first, last)
            levels = zip(self._levels, self._geometry.skips, strict=True)
            skips = [tape.read(*rows.span(first, last)) for tape, rows in levels]
            self.done = last if last == self._total else last - lost
            begin, stop = self._from_base(self._geometry.output_span(first, last))
            stop = min(stop, begin + (self.done - first) * self._geometry.samples)
            self._decoding.append((begin, stop, self._pool.submit(self._stages.decode, frames, mixture, skips)))
            self._forget()
            while len(self._decoding) > self._ahead:
                yield from self._decoded()

    def drain(self) -> Iterator[Array]:
        """Wait for the pieces that are being decoded."""
        while self._decoding:
            yield from self._decoded()

    def cancel(self) -> None:
        """Drop what has not begun."""
        for _, encoding in self._encoding:
            encoding.cancel()
        for *_, decoding in self._decoding:
            decoding.cancel()

    def _from_base(self, span: tuple[int, int]) -> tuple[int, int]:
        return self._base + span[0], self._base + span[1]

    def _finish(self, frames: Array) -> None:
        self._recurrent.append(frames.T)
        self._ready += frames.shape[1]

    def _decoded(self) -> Iterator[Array]:
        begin, stop, future = self._decoding.popleft()
        stems = future.result()[..., max(0, -begin) : min(stop, self._samples) - begin]
        if stems.shape[-1]:
            yield stems

    def _forget(self) -> None:
        """Drop what no later piece needs."""
        self._mixture.forget(self._from_base(self._geometry.decoder_span(self.done, self.done))[0])
        self._recurrent.forget(self.done)
        for tape, rows in zip(self._levels, self._geometry.skips, strict=True):
            tape.forget(rows.span(self.done, self.done)[0])
