"""Blocks of samples, written to files that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from partita.audio.dither import quantise
from partita.errors import ConfigError, OutputError
from partita.system.atomic import temporary_name

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["BITS", "FORMATS", "AudioWriter", "nearest_rate", "wav_container"]

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)  # Hz
_FLAC_MAX_RATE = 655_350  # Hz
_VORBIS_MAX_RATE = 192_000  # Hz; libvorbis has settings up to here

_PCM = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}
_LOSSY: dict[str, dict[str, Any]] = {  # all at about 320 kbit/s
    "mp3": {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "compression_level": 0.0,
        "bitrate_mode": "CONSTANT",
    },
    "ogg": {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.1},
    "opus": {"format": "OGG", "subtype": "OPUS", "compression_level": 0.4},
}
FORMATS = ("wav", "flac", *_LOSSY)
BITS = tuple(_PCM)
_NEVER_EMPTY = ("flac", "mp3", "opus")  # without a sample, libsndfile leaves these without a header too

_CHUNK = 65536  # samples; libsndfile encodes a block on the stack, and much longer ones overflow it
_WAV_LIMIT = 2**32 - 4096  # bytes of samples, with room for the headers


class AudioWriter:
    """An audio file in the making, to be used as a context manager.

    The file is written beside its final place and moved there when the context ends well; after an exception
    nothing remains of it, and a file that was there before is untouched. 16 and 24 bits are rounded with
    dither and clamped at full scale, 32-bit floats are written as they are. Every format keeps the number of
    samples, except that flac, mp3 and opus cannot hold none and get a single silent one.

    Args:
        path: Where the file goes; its folder must exist.
        sample_rate: Hz; one of the format, see :func:`nearest_rate`.
        channels: Of the blocks.
        frames: How many samples will be written.
        format: wav, flac, mp3, ogg (Vorbis) or opus.
        bits: ``16``, ``24`` or, in wav, ``32f``; no matter for mp3, ogg and opus.
        seed: Of the dither. Files that may be added up, as stems are, should differ in it.

    Raises:
        ConfigError: The format, the bits or the rate do not exist together.
        OutputError: The file cannot be written; from entering the context to leaving it.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        sample_rate: int,
        channels: int,
        frames: int,
        format: str = "wav",
        bits: str = "16",
        seed: int = 0,
    ) -> None:
        rate = nearest_rate(format, sample_rate)
        if rate != sample_rate:
            raise ConfigError(f"sample_rate: {format} cannot hold {sample_rate} Hz; use {rate} Hz")
        if bits not in _PCM:
            raise ConfigError(f"bits: {bits!r} is none of {', '.join(_PCM)}")
        if format == "flac" and bits == "32f":
            raise ConfigError("bits: flac holds 16 or 24 bits; use wav for 32f")
        self.path = Path(path)
        self._temporary = temporary_name(self.path)
        self._shape: dict[str, Any] = {"samplerate": sample_rate, "channels": channels}
        if format in _LOSSY:
            self._shape |= _LOSSY[format]
        else:
            container = wav_container(frames, channels, bits) if format == "wav" else "FLAC"
            self._shape |= {"format": container, "subtype": _PCM[bits]}
        self._bits = 0 if format in _LOSSY or bits == "32f" else int(bits)
        self._generator = np.random.default_rng(seed)
        self._empty = format in _NEVER_EMPTY
        self._sink: Any = None
        self._file: Any = None

    def __enter__(self) -> Self:
        """Open the temporary file."""
        try:
            with self._told():
                self._check_target()
                self._sink = _Sink(self._temporary, "x+")
                self._file = sf.SoundFile(self._sink, "w", **self._shape)
        except BaseException:
            self._clear()
            raise
        return self

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples.

        Args:
            block: Float32 ``(channels, any)``.

        Raises:
            OutputError: They cannot be written.
        """
        with self._told():
            for start in range(0, block.shape[1], _CHUNK):
                self._file.write(self._encoded(block[:, start : start + _CHUNK].T))
                self._empty = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file and move it to its place, or remove what there is of it."""
        try:
            if kind is None:
                if self._empty:
                    self.write(np.zeros((self._shape["channels"], 1), np.float32))
                with self._told():
                    self._file.close()
                    self._sink.close()
                with self._told():
                    self._temporary.replace(self.path)
        finally:
            self._clear()

    def _check_target(self) -> None:
        """Find now what would only fail at the end: a folder in the way, a name that is too long."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self.path.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def _encoded(self, frames: NDArray[np.float32]) -> NDArray[Any]:
        if not self._bits:
            return np.ascontiguousarray(frames, np.float32)
        steps = quantise(frames, self._bits, self._generator)
        return np.ascontiguousarray(steps << (32 - self._bits))  # libsndfile takes the upper bits of an int32

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the system or libsndfile reports into an :class:`OutputError`."""
        error: BaseException | None = None
        try:
            yield
        except (OSError, sf.SoundFileError, AssertionError) as caught:
            error = caught  # AssertionError: soundfile asserts that all was written
        if self._sink is not None and self._sink.error is not None:
            error = self._sink.error
        if error is None:
            return
        if not isinstance(error, Exception):
            raise error
        raise OutputError(f"{self.path}: cannot be written, {_reason(error)}") from error

    def _clear(self) -> None:
        for part in (self._file, self._sink):
            if part is not None:
                with suppress(Exception):
                    part.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


class _Sink(io.FileIO):
    """A file that remembers its first error: libsndfile forgets that the disk was full."""

    error: BaseException | None = None

    def write(self, data: ReadableBuffer) -> int:
        rest = memoryview(data)
        size = len(rest)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except BaseException as error:  # nothing, not even Ctrl-C, gets through libsndfile
            self.error = error
        return size - len(rest)


def nearest_rate(format: str, rate: int) -> int:
    """Return the sample rate in Hz at which a format can hold audio of a rate in Hz.

    That is the rate itself where possible, else the next higher one, else the highest.

    Raises:
        ConfigError: There is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(f"format: {format!r} is none of {', '.join(FORMATS)}")
    if format in ("mp3", "opus"):
        rates = _MP3_RATES if format == "mp3" else _OPUS_RATES
        return next((known for known in rates if known >= rate), rates[-1])
    if format == "ogg":
        return min(rate, _VORBIS_MAX_RATE)
    if format == "flac" and rate > 2**16:  # from here in steps of 10 Hz
        return min(-(-rate // 10) * 10, _FLAC_MAX_RATE)
    return rate


def wav_container(frames: int, channels: int, bits: str) -> str:
    """Return the container for samples in a wav file: ``WAV``, or ``RF64`` where they exceed its 4 GiB.

    Args:
        frames: How many samples.
        channels: Of each of them.
        bits: ``16``, ``24`` or ``32f``.
    """
    size = frames * channels * int(bits.removesuffix("f")) // 8
    return "WAV" if size <= _WAV_LIMIT else "RF64"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full; free some space or choose another folder"
        if error.errno == errno.ENOENT:
            return "its folder does not exist; make it first"
        return f"{(error.strerror or str(error)).lower()}; choose another name or folder"
    return f"{str(error) or 'not everything was accepted'}; choose another folder or format"
