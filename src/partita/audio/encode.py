"""Encoding of blocks of samples into wav, flac, mp3, ogg and opus files."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from os import PathLike
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from partita.audio.blocks import BLOCK, Samples, interleaved
from partita.audio.dither import Quantiser
from partita.audio.tagging import write_tags
from partita.audio.tags import Tags
from partita.errors import ConfigError, OutputError
from partita.system.atomic import atomic_path

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["BITS", "FORMATS", "AudioWriter", "compression_of", "nearest_rate", "wav_container"]

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)  # Hz
_FLAC_MAX_RATE = 655_350  # Hz
_VORBIS_MAX_RATE = 192_000  # Hz; libvorbis has settings up to here

_PCM = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}
_LOSSY: dict[str, dict[str, Any]] = {  # about 320 kbit/s for stereo
    "mp3": {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "compression_level": 0.0,
        "bitrate_mode": "CONSTANT",
    },
    "ogg": {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.1},
    "opus": {"format": "OGG", "subtype": "OPUS", "compression_level": 0.4},
}
# lowest sample rate in Hz -> what libsndfile scales its compression level to, and the bit rates, in kbit/s, of MPEG-1,
# MPEG-2 and MPEG-2.5; the lowest ones are left out, whose frames are too short to hold the length of the track
_MP3_BITRATES = {
    32000: ((32, 320), (64, 80, 96, 112, 128, 160, 192, 224, 256, 320)),
    16000: ((8, 160), (64, 80, 96, 112, 128, 144, 160)),
    0: ((8, 64), (32, 40, 48, 56, 64)),
}
_OPUS_BITRATES = (6, 256)  # kbit/s a channel
_QUALITIES = {"mp3": (0, 9), "ogg": (0, 10)}  # the scales of LAME's -V, best first, and of oggenc's -q, best last
FORMATS = ("wav", "flac", *_LOSSY)
BITS = tuple(_PCM)
_NEVER_EMPTY = ("flac", "mp3", "opus")  # libsndfile writes no header into these without a sample

_WAV_LIMIT = 2**32 - 4096  # bytes of samples, with room for the headers


class AudioWriter:
    """Writes an audio file; a context manager.

    The file appears under its name only when the context ends without an exception; otherwise nothing remains of it
    and an older file is unchanged. Its folder is created if needed. 16 and 24 bits are dithered and clamped at full
    scale, 32-bit floats are written unchanged. Every format keeps the number of samples, except that flac, mp3 and
    opus cannot be empty and get a single silent sample.

    Args:
        path: Name of the file.
        sample_rate: Hz; one that the format supports, see :func:`nearest_rate`.
        channels: Number of channels.
        frames: How many samples will be written.
        format: wav (default), flac, mp3, ogg (Vorbis) or opus.
        bits: ``16`` (default), ``24`` or, for wav only, ``32f``; ignored for mp3, ogg and opus.
        seed: Seed of the dither. Files that may be added up, as stems are, should have different seeds.
        bitrate: kbit/s, for mp3 (constant) and opus (average); default: 320 for mp3, about 310 for opus in stereo.
        quality: Of a variable bit rate, instead of ``bitrate``: for mp3 from 0 (best) to 9, for ogg from 0 to 10
            (best); default: 9 for ogg.
        temporary: Write under this name, and leave it to the caller to give the file its own; by default the file gets
            it when the context ends.
        tags: Written into the file, unless it is empty. If that fails, the file stays without tags and ``warnings``
            says so.

    Attributes:
        path: Name of the file.
        warnings: Problems that did not keep the file from being written, one sentence each; complete when the
            context has ended.

    Raises:
        ConfigError: An option is invalid, or the format does not support it.
        OutputError: The file cannot be written; raised when entering or leaving the context, or by :meth:`write`.
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
        *,
        bitrate: int | None = None,
        quality: float | None = None,
        temporary: Path | None = None,
        tags: Tags | None = None,
    ) -> None:
        rate = nearest_rate(format, sample_rate)
        if rate != sample_rate:
            raise ConfigError(f"sample_rate: {format} cannot hold {sample_rate} Hz; use {rate} Hz")
        if bits not in _PCM:
            raise ConfigError(f"bits: {bits!r} is not one of {', '.join(_PCM)}")
        if format == "flac" and bits == "32f":
            raise ConfigError("bits: flac holds 16 or 24 bits; use wav for 32f")
        compression = compression_of(format, sample_rate, channels, bitrate, quality)
        self.path = Path(path)
        self.warnings: list[str] = []
        self._format = format
        self._tags = tags
        self._shape: dict[str, Any] = {"samplerate": sample_rate, "channels": channels}
        if format in _LOSSY:
            self._shape |= _LOSSY[format] | compression
        else:
            container = wav_container(frames, channels, bits) if format == "wav" else "FLAC"
            self._shape |= {"format": container, "subtype": _PCM[bits]}
        self._depth = None if format in _LOSSY or bits == "32f" else int(bits)
        self._seed = seed
        self._lock = Lock()  # libsndfile crashes if a file is closed while it encodes
        self._place: AbstractContextManager[Path] = nullcontext(temporary) if temporary else atomic_path(self.path)
        self._sink: Any = None
        self._file: Any = None

    def __enter__(self) -> Self:
        """Open the file under a temporary name."""
        with self._translated():
            self._check_target()
        self._temporary = self._place.__enter__()
        try:
            self._open("x+")
        except BaseException:
            self._abandon()
            raise
        return self

    def restart(self) -> None:
        """Drop the samples that were written so far.

        Raises:
            OutputError: The file cannot be written.
        """
        with self._translated(), self._lock:
            self._file.close()
            self._sink.close()
        self._open("w+")

    def _open(self, mode: str) -> None:
        self._quantiser = None if self._depth is None else Quantiser(self._depth, self._seed)
        self._empty = True
        with self._translated():
            self._sink = _Sink(self._temporary, mode)
            self._file = sf.SoundFile(self._sink, "w", **self._shape)

    def write(self, block: Samples) -> None:
        """Append samples.

        Args:
            block: Float32 ``(channels, any)``.

        Raises:
            OutputError: They cannot be written.
        """
        with self._translated():
            for start in range(0, block.shape[1], BLOCK):  # libsndfile overflows the stack with much longer blocks
                with self._lock:
                    self._file.write(self._encoded(interleaved(block[:, start : start + BLOCK])))
                self._empty = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Complete the file under its name, or remove what was written of it."""
        if kind is not None:
            self._abandon()
            return
        try:
            untouched = self._empty
            if self._empty and self._format in _NEVER_EMPTY:
                self.write(np.zeros((self._shape["channels"], 1), np.float32))
            with self._translated(), self._lock:
                self._file.close()
                self._sink.close()
            if self._tags and not untouched:  # a tagged wav file without samples would count as damaged
                self._write_tags(self._tags)
        except BaseException:
            self._abandon()
            raise
        self._place.__exit__(None, None, None)

    def _write_tags(self, tags: Tags) -> None:
        try:
            write_tags(self._temporary, tags, self._format)
        except Exception as error:  # whatever is wrong with a tag, the audio is kept
            cause = error.__cause__ or error.__context__ or error
            if isinstance(cause, OSError):  # mutagen wraps the system's errors
                raise OutputError(f"{self.path}: cannot be written: {_reason(cause)}") from error
            reason = " ".join(str(error).replace(str(self._temporary), self.path.name).split())
            self.warnings.append(f"{self.path}: was written without tags ({reason})")

    def _check_target(self) -> None:
        """Fail now instead of at the end if the name is that of a folder or too long."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self.path.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def _encoded(self, frames: Samples) -> NDArray[Any]:
        if self._quantiser is None:
            return frames
        steps = self._quantiser(frames)
        return steps if steps.dtype == np.int16 else steps << 8  # libsndfile takes the upper 24 bits of an int32

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the system and of libsndfile into an :class:`OutputError`."""
        error: BaseException | None = None
        try:
            yield
        except (OSError, sf.SoundFileError, AssertionError) as caught:
            error = caught  # AssertionError: soundfile asserts that everything was written
        if self._sink is not None and self._sink.error is not None:
            error = self._sink.error
        if error is None:
            return
        if not isinstance(error, Exception):
            raise error
        raise OutputError(f"{self.path}: cannot be written: {_reason(error)}") from error

    def _abandon(self) -> None:
        with self._lock:
            for part in (self._file, self._sink):
                if part is not None:
                    with suppress(Exception):
                        part.close()
        # not with the caller's exception, which the atomic write would report as its own
        self._place.__exit__(GeneratorExit, GeneratorExit(), None)


class _Sink(io.FileIO):
    """A file that keeps its first error, because libsndfile does not report it."""

    error: BaseException | None = None

    def write(self, data: ReadableBuffer) -> int:
        rest = memoryview(data)
        size = len(rest)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except BaseException as error:  # no exception, not even Ctrl-C, passes through libsndfile
            self.error = error
        return size - len(rest)


def compression_of(
    format: str, sample_rate: int, channels: int, bitrate: int | None, quality: float | None
) -> dict[str, Any]:
    """Return libsndfile's settings for a bit rate or a quality, none for the default.

    Args:
        format: wav, flac, mp3, ogg or opus.
        sample_rate: Hz.
        channels: Number of channels.
        bitrate: kbit/s.
        quality: On the scale of the format, see :class:`AudioWriter`.

    Raises:
        ConfigError: The format does not support the bit rate or the quality, or both are given.
    """
    if bitrate is not None and quality is not None:
        raise ConfigError("bitrate: cannot be combined with quality; give one of them")
    if bitrate is not None:
        return _constant(format, sample_rate, channels, bitrate)
    if quality is not None:
        return _variable(format, quality)
    return {}


def _constant(format: str, sample_rate: int, channels: int, bitrate: int) -> dict[str, Any]:
    if format == "mp3":
        (lowest, highest), known = next(row for rate, row in _MP3_BITRATES.items() if sample_rate >= rate)
        if bitrate not in known:
            listed = ", ".join(map(str, known))
            raise ConfigError(f"bitrate: mp3 at {sample_rate} Hz supports {listed} kbit/s, not {bitrate}")
        return {"compression_level": (highest - bitrate) / (highest - lowest), "bitrate_mode": "CONSTANT"}
    if format == "opus":
        lowest, highest = _OPUS_BITRATES
        if not lowest * channels <= bitrate <= highest * channels:
            raise ConfigError(
                f"bitrate: opus with {channels} channels supports {lowest * channels} to {highest * channels} kbit/s, "
                f"not {bitrate}"
            )
        return {"compression_level": (highest - bitrate / channels) / (highest - lowest)}
    if format == "ogg":
        raise ConfigError("bitrate: ogg has a variable bit rate; use quality, from 0 to 10")
    raise ConfigError(f"bitrate: {format} is lossless; use mp3 or opus")


def _variable(format: str, quality: float) -> dict[str, Any]:
    if format == "opus":
        raise ConfigError("quality: opus has no quality scale; use bitrate")
    if format not in _QUALITIES:
        raise ConfigError(f"quality: {format} is lossless; use mp3 or ogg")
    lowest, highest = _QUALITIES[format]
    if not lowest <= quality <= highest:
        raise ConfigError(f"quality: {format} supports {lowest} to {highest}, not {quality}")
    if format == "mp3":
        return {"compression_level": quality / 10, "bitrate_mode": "VARIABLE"}
    return {"compression_level": 1 - quality / 10}


def nearest_rate(format: str, rate: int) -> int:
    """Return the sample rate in Hz that a format supports and that suits audio of a given rate best.

    This is the rate itself if possible, otherwise the next higher one, otherwise the highest.

    Raises:
        ConfigError: There is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(f"format: {format!r} is not one of {', '.join(FORMATS)}")
    if format in ("mp3", "opus"):
        rates = _MP3_RATES if format == "mp3" else _OPUS_RATES
        return next((known for known in rates if known >= rate), rates[-1])
    if format == "ogg":
        return min(rate, _VORBIS_MAX_RATE)
    if format == "flac" and rate > 2**16:  # from here in steps of 10 Hz
        return min(-(-rate // 10) * 10, _FLAC_MAX_RATE)
    return rate


def wav_container(frames: int, channels: int, bits: str) -> str:
    """Return the container of a wav file: ``WAV``, or ``RF64`` if the samples exceed its limit of 4 GiB.

    Args:
        frames: Length in samples.
        channels: Number of channels.
        bits: ``16``, ``24`` or ``32f``.
    """
    size = frames * channels * int(bits.removesuffix("f")) // 8
    return "WAV" if size <= _WAV_LIMIT else "RF64"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full; free some space or choose another folder"
        return f"{(error.strerror or str(error)).lower()}; choose another name or folder"
    return f"{str(error) or 'some samples were not accepted'}; choose another folder or format"
