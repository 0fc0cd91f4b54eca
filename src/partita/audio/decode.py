"""Audio and video files, read as blocks of float32 samples.

soundfile reads the formats it reads best; PyAV, which is FFmpeg's libraries, all others and damaged files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from partita.audio.channels import mixing_matrix, remix
from partita.errors import AudioError

if TYPE_CHECKING:
    import av

__all__ = ["BLOCK", "AudioReader"]

# How the files begin that are soundfile's: wav, rf64, w64, aiff, flac, ogg and opus, caf, au. Not mp3: the
# decoder behind soundfile writes on stderr and stops at the first damage; PyAV goes on, as fast and as exact.
_SOUNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"caff", b".snd")
_UNKNOWN_FRAMES = 2**62  # libsndfile claims more for a flac that was written to a pipe
BLOCK = 65536  # samples decoded at a time, and the default length of a block

# containers that state the length of their audio; others leave FFmpeg to guess it from the bit rate
_EXACT_CONTAINERS = ("aiff", "au", "caf", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "ogg", "tta", "w64", "wav", "wv")
_CODEC_SLACK = 4096  # samples: encoders and their containers differ by a frame or two

Samples = NDArray[np.float32]


class AudioReader:
    """A file of audio, or of video with audio, whatever its name says.

    Args:
        path: The file.
        channels: Number of channels to remix to, 2 or 1; ``None`` keeps those of the file.
        stream: Index of an audio stream, for files that hold several, such as MUSDB18's ``.stem.mp4``; ``None``
            takes the best one.

    Attributes:
        path: The file.
        sample_rate: Hz.
        streams: Number of audio streams in the file.
        native_channels: Number of channels in the file.
        channels: Number of channels in the blocks.
        frames_declared: Length in samples as the file states it; ``None`` if it does not.
        warnings: What decoding found wrong, in sentences.

    Raises:
        AudioError: The file cannot be read, or is no audio.
        ConfigError: Its channels cannot be remixed to that many.
    """

    def __init__(self, path: str | PathLike[str], channels: int | None = 2, stream: int | None = None) -> None:
        self.path = Path(path)
        self.warnings: list[str] = []
        self._stream = _probe(self.path) if stream is None else _probe_with_av(self.path, stream)
        self.sample_rate = self._stream.sample_rate
        self.streams = self._stream.count
        self.native_channels = self._stream.channels
        self.channels = channels or self._stream.channels
        self.frames_declared = self._stream.frames
        try:
            mixing_matrix(self.native_channels, self.channels, self._stream.layout)
        except AudioError as error:
            raise AudioError(f"{self.path}: {error}") from error

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Decode the file from its beginning, at every call anew.

        Args:
            size: Of a block, in samples; the last one may be shorter.

        Yields:
            Samples, float32 ``(channels, size)``.

        Raises:
            AudioError: Nothing can be decoded, or a sample is NaN or infinite.
        """
        return _blocks_of(self._remixed(), size)

    def _remixed(self) -> Iterator[Samples]:
        damage: list[Exception] = []
        done = 0
        for chunk in self._decoded(damage):
            finite = np.isfinite(chunk).all(axis=0)
            if not finite.all():
                second = (done + int(finite.argmin())) / self.sample_rate
                raise AudioError(f"{self.path}: the sample at {second:.3f} s is NaN or infinite; export the file again")
            done += chunk.shape[1]
            yield remix(chunk, self.channels, self._stream.layout)
        self._judge(done, damage)

    def _decoded(self, damage: list[Exception]) -> Iterator[Samples]:
        """Yield ``(native_channels, any)`` and add to ``damage`` what went wrong in between."""
        done = 0
        if self._stream.by_soundfile:
            try:
                for chunk in _decode_with_soundfile(self.path):
                    yield chunk
                    done += chunk.shape[1]
            except sf.SoundFileError:
                pass  # FFmpeg takes over: it knows how to step over damage
            else:
                return
        for chunk in _decode_with_av(self.path, self._stream, damage):
            fresh = chunk[:, done:]
            done -= chunk.shape[1] - fresh.shape[1]
            yield fresh

    def _judge(self, done: int, damage: list[Exception]) -> None:
        """Compare what was decoded with what the file claims, and warn."""
        stream = self._stream
        if not done and (stream.frames or damage):
            raise AudioError(f"{self.path}: nothing in this file can be decoded; get another copy of it")
        message = None
        if stream.frames is not None and done < stream.frames - stream.slack:
            seconds, declared = done / self.sample_rate, stream.frames / self.sample_rate
            message = f"is damaged or ends early: {seconds:.1f} s of {declared:.1f} s could be decoded"
        elif damage:
            message = "is damaged in places, which were left out"
        if message and (warning := f"{self.path}: the file {message}") not in self.warnings:
            self.warnings.append(warning)


@dataclass(frozen=True)
class _Stream:
    """What a file says of its audio; ``frames`` is how many samples it claims, give or take ``slack``."""

    sample_rate: int
    channels: int
    layout: tuple[str, ...] | None
    frames: int | None
    slack: int
    by_soundfile: bool
    index: int | None = None
    count: int = 1


def _probe(path: Path) -> _Stream:
    magic = _first_bytes(path)
    stream = _probe_with_soundfile(path) if magic in _SOUNDFILE_MAGIC else None
    # PyAV has to look at more than two channels, of which soundfile does not tell the speakers, and at files
    # that do not state their length; a wav that was written to a pipe says 0
    if stream and stream.channels <= 2 and stream.frames is not None and (stream.frames or magic != b"RIFF"):
        return stream
    try:
        found = _probe_with_av(path)
    except AudioError:
        if stream is None:
            raise
        return stream
    return replace(found, frames=stream.frames) if stream and stream.frames else found


def _first_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise AudioError(f"{path}: this is a folder; give the files in it")
        if path.exists() and not path.is_file():
            raise AudioError(f"{path}: this is a device or a pipe; save its audio in a file first")
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise AudioError(f"{path}: there is no such file; check the name and the folder") from error
    except (OSError, ValueError) as error:  # ValueError: a name no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{path}: cannot be opened ({reason}); check its name and permissions") from error
    if not magic:
        raise AudioError(f"{path}: the file is empty; get another copy of it")
    return magic


def _probe_with_soundfile(path: Path) -> _Stream | None:
    try:
        with sf.SoundFile(path) as file:
            if file.subtype.startswith("MPEG"):  # mp3 in a wav
                return None
            frames = None
            if file.frames < _UNKNOWN_FRAMES:
                frames = file.frames + _frames_missing(file.extra_info, file.frames)
            return _Stream(file.samplerate, file.channels, None, frames, 0, by_soundfile=True)
    except (sf.SoundFileError, UnicodeEncodeError):  # PyAV opens names that are not unicode, too
        return None


def _decode_with_soundfile(path: Path) -> Iterator[Samples]:
    with sf.SoundFile(path) as file:
        log = file.extra_info
        while len(frames := file.read(BLOCK, dtype="float32", always_2d=True)):
            if file.extra_info != log:  # all that tells of a hole in an ogg, around which samples come twice
                raise sf.SoundFileError("damaged")
            yield frames.T


def _frames_missing(log: str, frames: int) -> int:
    """Return how many frames a header claims beyond the end of its file, by libsndfile's log."""
    found = re.search(r"(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", log)
    if found is None:
        return 0
    claimed, present = int(found[1]), int(found[2])
    unknown = claimed % 2**31 > 2**31 - 2**16  # just below 2 or 4 GiB, as writers to a pipe put it
    if claimed < present or unknown:
        return 0
    return round((claimed - present) * max(frames, 1) / max(present, 1))


def _probe_with_av(path: Path, index: int | None = None) -> _Stream:
    import av

    try:
        with _open_with_av(path) as container:
            stream = _audio_stream(container, index)
            count = len(container.streams.audio)
            if index is not None and count <= index:
                raise AudioError(f"{path}: has {count} audio streams, so there is no stream {index}")
            if stream is None or not stream.rate or not stream.channels:
                raise AudioError(f"{path}: there is no sound in this file; choose one with an audio track")
            name = container.format.name
            # an mp3 states its length only in the header that also holds the delay of its encoder
            exact = name in _EXACT_CONTAINERS or (name == "mp3" and stream.start_time)
            frames = None
            if exact and stream.duration is not None and stream.time_base is not None:
                frames = round(stream.duration * stream.time_base * stream.rate)
            layout = tuple(channel.name for channel in stream.layout.channels)
            return _Stream(
                stream.rate, stream.channels, layout, frames, _CODEC_SLACK, by_soundfile=False, index=index, count=count
            )
    except av.FFmpegError as error:
        raise AudioError(f"{path}: this is no audio that can be read; convert it or get a whole copy") from error


def _open_with_av(path: Path) -> av.container.InputContainer:
    import av

    # without "file:" a name like "take:2.m4a" is a URL
    return av.open(f"file:{path}", metadata_errors="replace")


def _audio_stream(container: av.container.InputContainer, index: int | None) -> av.AudioStream | None:
    """Return an audio stream by its index among them, or the one FFmpeg deems best."""
    if index is None:
        return container.streams.best("audio")  # type: ignore[return-value]
    streams = container.streams.audio
    return streams[index] if index < len(streams) else None


def _decode_with_av(path: Path, stream: _Stream, damage: list[Exception]) -> Iterator[Samples]:
    import av

    faults: list[Exception] = []
    tags_may_follow = False
    try:
        with _open_with_av(path) as container:
            source = _audio_stream(container, stream.index)
            if source is None:
                return
            layout, kind = source.layout.name, None
            for packet in container.demux(source):
                try:
                    frames = source.decode(packet)
                except av.FFmpegError as error:
                    faults.append(error)
                    continue
                if frames:
                    damage += faults
                    faults.clear()
                    tags_may_follow = container.format.name == "mp3"
                for frame in frames:
                    if kind != (kind := (frame.format.name, frame.layout.name, frame.sample_rate)):
                        # packed floats, because PyAV crashes on 8 planes
                        converter = av.AudioResampler("flt", layout, stream.sample_rate)
                    for packed in converter.resample(frame):
                        samples = packed.to_ndarray().reshape(-1, stream.channels)
                        yield samples.T.astype(np.float32, copy=False)
    except av.FFmpegError as error:
        faults.append(error)
    if not tags_may_follow:  # which FFmpeg takes for broken frames
        damage += faults


def _blocks_of(chunks: Iterable[Samples], size: int) -> Iterator[Samples]:
    held: list[Samples] = []
    count = 0
    for chunk in chunks:
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
