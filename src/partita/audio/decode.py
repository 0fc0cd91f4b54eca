"""Decoding of audio and video files into blocks of float32 samples.

soundfile decodes wav, aiff, flac, ogg and the like; PyAV (FFmpeg's libraries) decodes everything else, and files that
soundfile finds damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import soundfile as sf

from partita.audio import ffmpeg
from partita.audio.blocks import BLOCK, Samples, regroup
from partita.audio.channels import mixing_matrix, remix
from partita.audio.ffmpeg import StreamFacts
from partita.audio.limits import Limits, checked_block
from partita.audio.tags import Tags, read_tags
from partita.errors import AudioError, PartitaError

__all__ = ["AudioReader"]

# First bytes of the formats that soundfile decodes: wav, rf64, w64, aiff, flac, ogg and opus, caf, au. mp3 is left to
# PyAV, which is as fast and as exact: soundfile's decoder prints to stderr and stops at the first damaged frame.
_SOUNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"caff", b".snd")
_UNKNOWN_FRAMES = 2**62  # libsndfile reports more for a flac file that was written to a pipe

# first bytes of lists of other files; FFmpeg is not allowed to open any of them
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"v=0", b"<MPD", b"<?xml", b"<smil")

# soundfile's subtypes with more than 16 bits -> the bit depth that holds their samples as float32 can
_SUBTYPE_BITS = {
    "PCM_24": "24",
    "ALAC_20": "24",
    "ALAC_24": "24",
    "DWVW_24": "24",
    "PCM_32": "32f",
    "ALAC_32": "32f",
    "FLOAT": "32f",
    "DOUBLE": "32f",
}


class AudioReader:
    """An audio file, or the sound of a video file, recognised by its content and not by its suffix.

    Args:
        path: The file.
        channels: Number of channels to remix to, 2 or 1; ``None`` keeps those of the file.
        stream: Index of an audio stream, for files that hold several, such as MUSDB18's ``.stem.mp4``; ``None``
            takes the one that FFmpeg considers the best.
        name: What messages call the file; by default its path.
        limits: What is accepted; by default ``Limits()``.

    Attributes:
        path: The file.
        name: What messages call the file.
        sample_rate: Hz.
        streams: Number of audio streams in the file.
        native_channels: Number of channels in the file.
        channels: Number of channels in the blocks.
        bits: The bit depth that keeps the file's precision: ``16``, ``24`` or ``32f`` (float). 8-bit and lossy
            files count as ``16``; 32-bit integers and doubles count as ``32f``.
        compressed: Whether FFmpeg decodes it, as most formats that take long to decode.
        frames_declared: Length in samples as the file states it; ``None`` if it does not.
        warnings: Problems found while decoding, one sentence each.

    Raises:
        AudioError: The file cannot be read, or holds no audio.
        ConfigError: Its channels cannot be remixed to that many.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        channels: int | None = 2,
        stream: int | None = None,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = str(self.path) if name is None else name
        self.warnings: list[str] = []
        self._limits = limits or Limits()
        with _errors_of(self.name):
            self._stream = _probe(self.path, stream)
            self._limits.check_stream(self._stream.sample_rate, self._stream.channels)
            self.sample_rate = self._stream.sample_rate
            self.streams = self._stream.count
            self.native_channels = self._stream.channels
            self.channels = channels or self._stream.channels
            self.bits = self._stream.bits
            self.compressed = not self._stream.by_soundfile
            self.frames_declared = self._stream.frames
            mixing_matrix(self.native_channels, self.channels, self._stream.layout)

    @cached_property
    def tags(self) -> Tags:
        """The file's tags and cover picture; empty if it has none."""
        return read_tags(self.path)

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Decode the file from its beginning.

        Args:
            size: Length of a block in samples; only the last one may be shorter.

        Yields:
            Samples, float32 ``(channels, size)``.

        Raises:
            AudioError: Nothing can be decoded, a sample is NaN or infinite, or the file is too long.
            ConfigError: The size is not a whole number from 1 to 2**24.
        """
        return regroup(self._remixed(), checked_block(size))

    def _remixed(self) -> Iterator[Samples]:
        damage: list[Exception] = []
        done = 0
        with _errors_of(self.name):
            for chunk in self._decoded(damage):
                if not (finite := np.isfinite(chunk)).all():
                    second = (done + int(finite.all(axis=0).argmin())) / self.sample_rate
                    raise AudioError(f"the sample at {second:.3f} s is NaN or infinite; export the file again")
                done += chunk.shape[1]
                self._limits.check_length(done, self.sample_rate)
                yield remix(chunk, self.channels, self._stream.layout)
            self._judge(done, damage)

    def _decoded(self, damage: list[Exception]) -> Iterator[Samples]:
        """Yield ``(native_channels, any)`` and collect in ``damage`` the errors that were skipped."""
        done = 0
        if self._stream.by_soundfile:
            try:
                for chunk in _decode_with_soundfile(self.path):
                    yield chunk
                    done += chunk.shape[1]
            except sf.SoundFileError:
                pass  # FFmpeg takes over: it can skip damaged parts
            else:
                return
        for chunk in ffmpeg.decode(self.path, self._stream, self._limits, damage):
            fresh = chunk[:, done:]
            done -= chunk.shape[1] - fresh.shape[1]
            yield fresh

    def _judge(self, done: int, damage: list[Exception]) -> None:
        """Warn if less was decoded than the file declares, or if parts of it were damaged."""
        stream = self._stream
        if not done and (stream.frames or damage):
            raise AudioError("nothing in this file can be decoded; get another copy of it")
        message = None
        if stream.frames is not None and done < stream.frames - stream.slack:
            seconds, declared = done / self.sample_rate, stream.frames / self.sample_rate
            message = f"is damaged or ends early: {seconds:.1f} s of {declared:.1f} s could be decoded"
        elif damage:
            message = "is damaged; the damaged parts were left out"
        if message and (warning := f"{self.name}: the file {message}") not in self.warnings:
            self.warnings.append(warning)


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """Turn whatever goes wrong into an :class:`AudioError` that names the file: it may hold anything."""
    try:
        yield
    except AudioError as error:
        raise AudioError(f"{name}: {error}") from error
    except PartitaError:
        raise
    except MemoryError as error:
        raise AudioError(f"{name}: decoding it takes more memory than there is; free some, or convert it") from error
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise AudioError(f"{name}: cannot be decoded ({what}); convert it or get another copy") from error


def _probe(path: Path, index: int | None) -> StreamFacts:
    magic = _first_bytes(path)
    # a frame of MPEG layer III, which FFmpeg may not recognise in a short file
    demuxer = "mp3" if len(magic) > 1 and magic[0] == 0xFF and magic[1] & 0xE6 == 0xE2 else None
    if index is not None:
        return ffmpeg.probe(path, demuxer, index)
    stream = _probe_with_soundfile(path) if magic in _SOUNDFILE_MAGIC else None
    # PyAV is needed for more than two channels, because soundfile does not report the speaker layout, and for files
    # that do not state their length; a wav file that was written to a pipe states 0
    if stream and stream.channels <= 2 and stream.frames is not None and (stream.frames or magic != b"RIFF"):
        return stream
    try:
        found = ffmpeg.probe(path, demuxer)
    except AudioError:
        if stream is None:
            raise
        return stream
    return replace(found, frames=stream.frames, bits=stream.bits) if stream and stream.frames else found


def _first_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise AudioError("this is a folder; give the files in it")
        if path.exists() and not path.is_file():
            raise AudioError("this is a device or a pipe; save its audio in a file first")
        with path.open("rb") as file:
            start = file.read(12)
    except FileNotFoundError as error:
        raise AudioError("there is no such file; check the name and the folder") from error
    except (OSError, ValueError) as error:  # ValueError: an impossible file name
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"cannot be opened ({reason}); check its name and permissions") from error
    if not start:
        raise AudioError("the file is empty; get another copy of it")
    if start.removeprefix(b"\xef\xbb\xbf").startswith(_PLAYLISTS):
        raise AudioError("this is a list of other files, not audio; give the files in it")
    return start[:4]


def _probe_with_soundfile(path: Path) -> StreamFacts | None:
    try:
        with sf.SoundFile(path) as file:
            if file.subtype.startswith("MPEG"):  # mp3 in a wav
                return None
            frames = None
            if file.frames < _UNKNOWN_FRAMES:
                frames = file.frames + _frames_missing(file.extra_info, file.frames)
            bits = _SUBTYPE_BITS.get(file.subtype, "16")
            return StreamFacts(file.samplerate, file.channels, None, frames, 0, by_soundfile=True, bits=bits)
    except (sf.SoundFileError, UnicodeEncodeError):  # PyAV also opens names that are not valid unicode
        return None


def _decode_with_soundfile(path: Path) -> Iterator[Samples]:
    with sf.SoundFile(path) as file:
        log, done = file.extra_info, 0
        buffer = np.empty((BLOCK, file.channels), np.float32)
        while len(frames := file.read(out=buffer[: file.frames - done])):
            if file.extra_info != log:  # the only sign of a gap in an ogg file, around which samples repeat
                raise sf.SoundFileError("damaged")
            yield frames.T.copy()
            done += len(frames)


def _frames_missing(log: str, frames: int) -> int:
    """Return by how many frames a header exceeds its file, according to libsndfile's log."""
    found = re.search(r"(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", log)
    if found is None:
        return 0
    claimed, present = int(found[1]), int(found[2])
    unknown = claimed % 2**31 > 2**31 - 2**16  # just below 2 or 4 GiB, which programs that write to a pipe put there
    if claimed < present or unknown:
        return 0
    return round((claimed - present) * max(frames, 1) / max(present, 1))
