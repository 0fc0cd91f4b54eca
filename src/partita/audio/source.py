"""Sources: the one interface through which partita reads audio, whatever holds it."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from partita.audio.blocks import BLOCK, Samples, regroup
from partita.audio.channels import remix
from partita.audio.decode import AudioReader
from partita.audio.limits import Limits, checked_block, checked_rate
from partita.errors import AudioError, ConfigError, OutputError
from partita.system.private import private_folder

__all__ = ["ArraySource", "Readable", "SliceSource", "Source", "SourceLike", "SumSource", "check_part", "open_source"]

_LONGEST = 1e9  # seconds; more than any recording, and few enough to be counted in samples
_MAX_CHANNELS = 32  # an array with more rows than this, and fewer columns, is taken for a transposed one


@runtime_checkable
class Source(Protocol):
    """Audio that can be read from its beginning any number of times, in memory independent of its length.

    Attributes:
        sample_rate: Hz.
        channels: Number of channels in the blocks.
    """

    sample_rate: int
    channels: int

    @property
    def warnings(self) -> list[str]:
        """Problems found while reading, one sentence each; complete once the last block has been read."""

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Read from the beginning.

        Args:
            size: Length of a block in samples; only the last one may be shorter.

        Yields:
            Samples, float32 ``(channels, size)``.

        Raises:
            AudioError: The audio cannot be read.
        """


@runtime_checkable
class Readable(Protocol):
    """A file object opened in binary mode."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


SourceLike: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview | Readable | npt.ArrayLike | Source"
"""What :func:`open_source` opens."""


class ArraySource:
    """Samples in memory.

    Args:
        samples: Float ``(channels, samples)`` or ``(samples,)``, full scale at 1.
        sample_rate: Hz, from 1 to 768000.
        channels: Number of channels to remix to, 2 or 1; ``None`` keeps them.

    Attributes:
        native_channels: Number of channels of the array.

    Raises:
        AudioError: The array is not audio.
        ConfigError: The sample rate is invalid, or the array cannot be remixed to that many channels.
    """

    def __init__(self, samples: npt.ArrayLike, sample_rate: int, channels: int | None = None) -> None:
        self.sample_rate = checked_rate(sample_rate)
        self._samples = _as_audio(samples)
        self.native_channels = self._samples.shape[0]
        if channels is not None:
            self._samples = remix(self._samples, channels)
        self.channels = self._samples.shape[0]
        self.warnings: list[str] = []

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the samples, float32 ``(channels, size)``."""
        size = checked_block(size)
        for start in range(0, self._samples.shape[1], size):
            yield self._samples[:, start : start + size]


class SumSource:
    """The sum of several sources; shorter ones are padded with silence.

    Args:
        parts: Sources of equal sample rate and number of channels, at least one.

    Raises:
        AudioError: They differ in sample rate or channels.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        self._parts = parts
        self.sample_rate = parts[0].sample_rate
        self.channels = parts[0].channels
        for part in parts:
            if (part.sample_rate, part.channels) != (self.sample_rate, self.channels):
                raise AudioError(
                    f"cannot add {part.channels} channels at {part.sample_rate} Hz to {self.channels} channels at "
                    f"{self.sample_rate} Hz; convert one of them"
                )

    @property
    def warnings(self) -> list[str]:
        """The warnings of all parts."""
        return [warning for part in self._parts for warning in part.warnings]

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the sum, float32 ``(channels, size)``."""
        nothing = np.zeros((self.channels, 0), np.float32)
        for blocks in zip_longest(*(part.blocks(size) for part in self._parts), fillvalue=nothing):
            total = np.zeros((self.channels, max(block.shape[1] for block in blocks)), np.float32)
            for block in blocks:
                total[:, : block.shape[1]] += block
            yield total


class SliceSource:
    """A part of a source. Its ends are rounded to the nearest sample.

    Args:
        source: The whole.
        start: Beginning of the part in seconds.
        duration: Length of the part in seconds; ``None`` keeps everything to the end. A part that reaches beyond the
            end of the source ends there.

    Raises:
        ConfigError: As of :func:`check_part`.
    """

    def __init__(self, source: Source, start: float = 0.0, duration: float | None = None) -> None:
        check_part(start, duration)
        self._source = source
        self._start = round(start * source.sample_rate)
        self._stop = None if duration is None else max(round((start + duration) * source.sample_rate), self._start + 1)
        self.sample_rate = source.sample_rate
        self.channels = source.channels

    @property
    def warnings(self) -> list[str]:
        """The warnings of the source."""
        return self._source.warnings

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the part, float32 ``(channels, size)``.

        Raises:
            AudioError: The part begins at or beyond the end of the source, or the source cannot be read.
        """
        return regroup(self._chunks(), checked_block(size))

    def _chunks(self) -> Iterator[Samples]:
        done = 0
        for block in self._source.blocks():
            first, last = max(self._start - done, 0), block.shape[1]
            if self._stop is not None:
                last = min(self._stop - done, last)
            done += block.shape[1]
            if first < last:
                yield block[:, first:last]
            if self._stop is not None and done >= self._stop:
                return
        if 0 < self._start >= done:
            name = f"{self._source.name}: " if isinstance(self._source, AudioReader) else ""
            raise AudioError(
                f"{name}the start, {self._start / self.sample_rate:.3f} s, is not before the end of the track, which "
                f"is {done / self.sample_rate:.3f} s long"
            )


def check_part(start: float, duration: float | None) -> None:
    """Check the ends of a part, as of :class:`SliceSource`.

    Raises:
        ConfigError: ``start`` is negative, ``duration`` is not positive, or one of them is not a number of seconds.
    """
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ConfigError(f"{name}: must be a number of seconds, not {value!r}")
    if not 0 <= start <= _LONGEST:
        raise ConfigError(f"start: must be 0 s or more, up to {_LONGEST:.0f} s, not {start:g}")
    if duration is not None and not 0 < duration <= _LONGEST:
        raise ConfigError(f"duration: must be more than 0 s, up to {_LONGEST:.0f} s, not {duration:g}")


def open_source(
    source: SourceLike, sample_rate: int | None = None, channels: int | None = None, limits: Limits | None = None
) -> Source:
    """Open anything that holds audio.

    The content of a file, as bytes or as a binary file object, is copied to a temporary file, which is deleted with
    the source.

    Args:
        source: A path; the content of an audio file as bytes or as a file object opened in binary mode, which is read
            from its position to its end; samples ``(channels, samples)`` or ``(samples,)``; or a :class:`Source`,
            which is returned unchanged.
        sample_rate: Sample rate of an array in Hz; files know their own.
        channels: Number of channels to remix a file or an array to, 2 or 1; ``None`` keeps them.
        limits: What a file may hold; by default ``Limits()``.

    Raises:
        AudioError: The file cannot be read, the array is not audio, or an array comes without a sample rate.
        ConfigError: The sample rate is invalid, or the audio cannot be remixed to that many channels.
        OutputError: The temporary file cannot be written.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, str | PathLike):
        return AudioReader(source, channels, limits=limits)
    if isinstance(source, bytes | bytearray | memoryview):
        return _open_content([bytes(source)], "<bytes>", channels, limits)
    if isinstance(source, Readable):
        name = getattr(source, "name", None)
        name = name if isinstance(name, str) else f"<{type(source).__name__}>"
        return _open_content(_read_all(source, name), name, channels, limits)
    samples = _as_audio(source)
    if sample_rate is None:
        raise AudioError("an array has no sample rate of its own; pass sample_rate")
    return ArraySource(samples, sample_rate, channels)


def _open_content(parts: Any, name: str, channels: int | None, limits: Limits | None) -> AudioReader:
    """Open the content of a file through a temporary copy, which is deleted with the reader or at exit."""
    stack = ExitStack()
    try:
        path = stack.enter_context(private_folder(Path(tempfile.gettempdir()))) / "content"
        with path.open("xb") as file:
            for part in parts:
                file.write(part)
        reader = AudioReader(path, channels, name=name, limits=limits)
    except BaseException as error:
        stack.close()
        if isinstance(error, OSError):
            raise OutputError(
                f"{tempfile.gettempdir()}: no room for temporary files ({error.strerror or error}); free some space or "
                "set TMPDIR to another folder"
            ) from error
        raise
    weakref.finalize(reader, stack.close)
    return reader


def _read_all(file: Readable, name: str) -> Iterator[bytes]:
    while True:
        try:
            part = file.read(2**20)
        except (OSError, ValueError) as error:  # ValueError: the file is closed, or its text cannot be decoded
            raise AudioError(f"{name}: cannot be read ({error})") from error
        if isinstance(part, str):
            raise AudioError(f"{name}: is opened as text; open it in binary mode, 'rb'")
        if not part:
            return
        yield part


def _as_audio(samples: Any) -> Samples:
    """Return samples as float32 ``(channels, samples)``, or say what to pass instead."""
    try:
        array = np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors on a GPU or with gradients
        reason = str(error).splitlines()[0].rstrip(".")
        raise AudioError(f"this {type(samples).__name__} is not an array of samples ({reason})") from error
    kind = array.dtype.kind
    if kind in "iu":
        scale = 2 ** (8 * array.dtype.itemsize - 1)
        advice = f"(x - {scale}) / {scale}" if kind == "u" else f"x / {scale}"
        raise AudioError(f"an array must hold floats, not {array.dtype}: divide integers by their full scale, {advice}")
    if kind != "f":
        what = f"{array.dtype} values" if kind in "bcSU" else "Python objects"
        raise AudioError(f"an array must hold floats, not {what}: pass samples, a path, bytes or a binary file")
    if array.ndim == 3:
        raise AudioError(f"an array must be (channels, samples), and this one is {array.shape}: pass one track, x[0]")
    if array.ndim not in (1, 2):
        raise AudioError(f"an array must be (channels, samples) or (samples,), and this one is {array.shape}")
    if array.size == 0:
        raise AudioError(f"the array {array.shape} is empty: pass at least one sample")
    if array.ndim == 1:
        array = array[None]
    if array.shape[1] < array.shape[0] > _MAX_CHANNELS:
        raise AudioError(f"an array must be (channels, samples), and this one is {array.shape}: pass x.T")
    with np.errstate(over="ignore"):
        audio = array.astype(np.float32, copy=False)
    if not np.isfinite(audio).all():
        raise AudioError("the array holds NaN or infinite samples: replace them, for example by np.nan_to_num(x)")
    return audio
