"""The mixture that is separated: a source of audio and its statistics."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from threading import Event

import numpy as np
import numpy.typing as npt

from partita.audio import (
    ArraySource,
    AudioReader,
    Limits,
    SliceSource,
    Source,
    SourceLike,
    Spool,
    Tags,
    open_source,
    remix,
    resample_blocks,
)
from partita.audio.limits import checked_rate
from partita.audio.source import check_part
from partita.errors import AudioError, Cancelled, OutputError

__all__ = ["Mixture", "Statistics", "open_mixture"]

Array = npt.NDArray[np.float32]

_LONGEST_SPOOL = 2**27  # samples: 51 minutes at 44.1 kHz, which take 1 GiB in stereo
_NOTHING = 1e-8  # deviation at or below which there is nothing to separate: -160 dB


@dataclass(frozen=True)
class Statistics:
    """Length, mean and standard deviation of a mono mixture."""

    samples: int
    mean: float
    deviation: float

    @property
    def silent(self) -> bool:
        """Whether there is nothing to separate."""
        return self.deviation <= _NOTHING


class Mixture:
    """A source of audio for a model, and what is known of it.

    Args:
        source: The audio.
        channels: Number of channels of mixture and stems.
        model_rate: Sample rate of the model in Hz.
        name: What messages call the audio.
        bits: Depth of the audio: ``16``, ``24`` or ``32f``.
        tags: Tags of the file.
        notes: What the user should know, one sentence each.
        spooled: Whether samples are kept on disk when they are first read, because decoding takes long.

    Attributes:
        sample_rate: Of the source, in Hz.
        channels: As above, like the next three.
        name: See there.
        bits: See there.
        tags: See there.
    """

    def __init__(
        self,
        source: Source,
        channels: int,
        model_rate: int,
        *,
        name: str = "the source",
        bits: str = "32f",
        tags: Tags | None = None,
        notes: tuple[str, ...] = (),
        spooled: bool = False,
    ) -> None:
        self.sample_rate = source.sample_rate
        self.channels = channels
        self.name = name
        self.bits = bits
        self.tags = tags
        self._source = source
        self._model_rate = model_rate
        self._notes = notes
        self._spooled = spooled
        self._stop: Event | None = None
        self._length: int | None = None  # in samples, once they have been counted
        self._spool: Spool | None = None  # once it is complete

    @property
    def warnings(self) -> list[str]:
        """Problems found while reading, one sentence each."""
        return [*self._source.warnings, *self._notes]

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self._measured[0]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    @property
    def statistics(self) -> Statistics:
        """Statistics of the mono mixture at the model's sample rate."""
        return self._measured[1]

    def length_at(self, sample_rate: int) -> int:
        """Return the length in samples at another sample rate in Hz."""
        return -(-self.samples * sample_rate // self.sample_rate)

    def measure(self, stop: Event | None = None) -> None:
        """Read the source to its end and keep its length and statistics, unless they are known already.

        Args:
            stop: Stops the reading when it is set.

        Raises:
            AudioError: The audio cannot be read.
            Cancelled: ``stop`` was set.
        """
        self._stop = stop
        _ = self._measured

    def blocks(self) -> Iterator[Array]:
        """Yield the samples, float32 ``(channels, any)``.

        Raises:
            AudioError: The audio cannot be read, or is not as long as it was before.
        """
        if self._spool is not None:
            yield from self._spool.blocks()
            return
        left = self._length
        for block in self._source.blocks():
            if left is not None and (left := left - block.shape[1]) < 0:
                break
            yield remix(block, self.channels)
        if left:
            raise AudioError(f"{self.name}: changed while it was read; wait until it is complete, then try again")

    @cached_property
    def _measured(self) -> tuple[int, Statistics]:
        """Length and statistics, for which the source is read to its end once."""
        samples = 0

        spool = self._open_spool()

        def counted() -> Iterator[Array]:
            nonlocal samples, spool
            for block in self.blocks():
                if self._stop is not None and self._stop.is_set():
                    raise Cancelled("the caller stopped the separation")
                samples += block.shape[1]
                if spool is not None and not self._kept(spool, block):
                    spool = None
                yield block

        count, mean, squares = 0, 0.0, 0.0
        for block in resample_blocks(counted(), self.sample_rate, self._model_rate, self.channels):
            if block.shape[1]:  # merged block by block (Chan et al.), so that a constant deviates by exactly 0
                mono = block.sum(0)
                mono *= np.float32(1 / len(block))
                own = mono.mean(dtype=np.float64)
                mono -= np.float32(own)
                delta, merged = own - mean, count + mono.size
                squares += float(np.square(mono, out=mono).sum()) + delta**2 * count * mono.size / merged
                mean += delta * mono.size / merged
                count = merged
        self._spool = spool
        self._length = samples
        return samples, Statistics(count, float(mean), float(np.sqrt(squares / count)) if count else 0.0)

    def _open_spool(self) -> Spool | None:
        """Return where samples are kept, ``None`` if they are cheap to read or there is no room."""
        if not self._spooled:
            return None
        try:
            spool = Spool(self.channels)
        except OutputError:
            return None
        weakref.finalize(self, spool.close)
        return spool

    def _kept(self, spool: Spool, block: Array) -> bool:
        """Return whether there was room for a block."""
        try:
            spool.write(block)
        except OutputError:
            return False
        return spool.samples <= _LONGEST_SPOOL


def open_mixture(
    audio: SourceLike,
    sample_rate: int | None,
    channels: int,
    model_rate: int,
    *,
    start: float = 0.0,
    duration: float | None = None,
    limits: Limits | None = None,
) -> Mixture:
    """Open what is to be separated.

    Args:
        audio: Anything :func:`partita.audio.open_source` takes.
        sample_rate: Of samples in memory, in Hz; the model's by default.
        channels: Number of channels the model separates.
        model_rate: Sample rate of the model in Hz.
        start: Seconds to leave out at the beginning.
        duration: Seconds to take from there; ``None`` takes the rest.
        limits: What a file may hold; by default ``Limits()``.

    Raises:
        AudioError: The audio cannot be read.
        ConfigError: A sample rate, ``start`` or ``duration`` is invalid.
    """
    rate = model_rate if sample_rate is None else checked_rate(sample_rate)
    check_part(start, duration)
    source = open_source(audio, rate, channels, limits)
    checked_rate(source.sample_rate)
    native = source.native_channels if isinstance(source, ArraySource | AudioReader) else source.channels
    bits, tags, notes = "32f", None, []
    reader = source
    if isinstance(source, AudioReader):
        bits, tags = source.bits, source.tags
        if native > channels:
            mixed = "stereo" if channels == 2 else "mono"
            notes.append(f"{source.name}: its {native} channels are mixed to {mixed}, and so are the stems")
    if start or duration is not None:
        source = SliceSource(source, start, duration)
    spooled = isinstance(reader, AudioReader) and reader.compressed
    return Mixture(
        source,
        min(native, channels),
        model_rate,
        name=reader.name if isinstance(reader, AudioReader) else "the source",
        bits=bits,
        tags=tags,
        notes=tuple(notes),
        spooled=spooled,
    )
