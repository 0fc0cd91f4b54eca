"""Decoding by FFmpeg's libraries, through PyAV.

Containers that refer to other files, such as playlists, are refused: only formats that hold their own audio are opened,
and nothing but local files is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partita.audio.blocks import BLOCK, Samples
from partita.audio.limits import Limits
from partita.errors import AudioError

if TYPE_CHECKING:
    import av

__all__ = ["StreamFacts", "decode", "open_container", "probe"]

# names of FFmpeg's demuxers; concat, hls, dash, sdp, image sequences and the like are left out on purpose
_CONTAINERS = (
    "aac,aax,ac3,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,dv,eac3,flac,flv,gxf,iff,ircam,loas,matroska,"
    "mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mulaw,mxf,nistsphere,nut,ogg,oma,rm,sds,shn,sox,tak,truehd,tta,voc,vqf,w64,wav,"
    "webm,wsd,wtv,wv,xwma"
)
_ACCESS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}

# containers that state the length of their audio; for others FFmpeg estimates it from the bit rate
_EXACT_CONTAINERS = ("aiff", "au", "caf", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "ogg", "tta", "w64", "wav", "wv")
_CODEC_SLACK = 4096  # samples; the declared length may be off by a frame or two


@dataclass(frozen=True)
class StreamFacts:
    """Properties of an audio stream; ``frames`` is its declared length in samples, exact to within ``slack``."""

    sample_rate: int
    channels: int
    layout: tuple[str, ...] | None
    frames: int | None
    slack: int
    by_soundfile: bool
    bits: str
    demuxer: str | None = None
    index: int | None = None
    count: int = 1


def open_container(path: Path, demuxer: str | None = None) -> av.container.InputContainer:
    """Open a file that holds its own audio.

    Args:
        path: The file.
        demuxer: FFmpeg's name of its format; recognised by default.

    Raises:
        av.FFmpegError: FFmpeg cannot open it, or its format is not accepted.
    """
    import av

    # without "file:" a name like "take:2.m4a" is a URL
    return av.open(f"file:{path}", format=demuxer, metadata_errors="replace", options=dict(_ACCESS))


def probe(path: Path, demuxer: str | None, index: int | None = None) -> StreamFacts:
    """Return the properties of an audio stream.

    Args:
        path: The file.
        demuxer: As of :func:`open_container`.
        index: Of the stream among the audio streams; ``None`` takes the one that FFmpeg considers the best.

    Raises:
        AudioError: It cannot be read as audio; the message does not name the file.
    """
    import av

    try:
        with open_container(path, demuxer) as container:
            stream = _audio_stream(container, index)
            count = len(container.streams.audio)
            if index is not None and count <= index:
                raise AudioError(f"this file has {count} audio streams, so there is no stream {index}")
            if stream is None:
                raise AudioError("this file has no sound; choose one with an audio track")
            if stream.codec_context is None:
                raise AudioError("FFmpeg does not know the codec of its sound; convert it to another format")
            if not stream.rate or not stream.channels:
                raise AudioError("this file has no sound; choose one with an audio track")
            name = container.format.name
            # an mp3 file states its length only in the header that also holds the encoder delay
            exact = name in _EXACT_CONTAINERS or (name == "mp3" and stream.start_time)
            frames = None
            if exact and stream.duration is not None and stream.time_base is not None:
                frames = round(stream.duration * stream.time_base * stream.rate)
            layout = tuple(channel.name for channel in stream.layout.channels)
            return StreamFacts(
                stream.rate,
                stream.channels,
                layout,
                frames,
                _CODEC_SLACK,
                by_soundfile=False,
                bits=_bits_of(stream.codec_context),
                demuxer=demuxer,
                index=index,
                count=count,
            )
    except av.FFmpegError as error:
        raise AudioError("this is not an audio file that can be read; convert it or get an undamaged copy") from error


def decode(path: Path, stream: StreamFacts, limits: Limits, damage: list[Exception]) -> Iterator[Samples]:
    """Decode a stream of a file.

    Args:
        path: The file.
        stream: Of :func:`probe`.
        limits: Frames with a sample rate beyond them count as damaged.
        damage: The errors that were skipped are added to it.

    Yields:
        Samples, float32 ``(stream.channels, any)``.
    """
    import av

    try:
        with open_container(path, stream.demuxer) as container:
            source = _audio_stream(container, stream.index)
            if source is not None and source.codec_context is not None:
                frames = _within_limits(_frames(container, source, damage), limits, damage)
                yield from _converted(frames, source.layout.name, stream)
    except av.FFmpegError as error:
        damage.append(error)


def _within_limits(frames: Iterable[av.AudioFrame], limits: Limits, damage: list[Exception]) -> Iterator[av.AudioFrame]:
    """Leave out frames that a damaged header gives an absurd sample rate: converted, they would fill the memory."""
    for frame in frames:
        try:
            limits.check_stream(frame.sample_rate, frame.layout.nb_channels)
        except AudioError as error:
            damage.append(error)
        else:
            yield frame


def _bits_of(context: av.AudioCodecContext) -> str:
    if not context.codec.lossless:
        return "16"
    kind = context.format.name.removesuffix("p")  # of interleaved or planar samples
    if kind in ("flt", "dbl") or context.name in ("pcm_s32le", "pcm_s32be"):
        return "32f"
    return "24" if kind == "s32" else "16"  # FFmpeg decodes 24 bits to 32-bit integers


def _audio_stream(container: av.container.InputContainer, index: int | None) -> av.AudioStream | None:
    """Return an audio stream by its index among them, or the one FFmpeg considers the best."""
    if index is None:
        return container.streams.best("audio")  # type: ignore[return-value]
    streams = container.streams.audio
    return streams[index] if index < len(streams) else None


def _frames(
    container: av.container.InputContainer, source: av.AudioStream, damage: list[Exception]
) -> Iterator[av.AudioFrame]:
    """Decode an audio stream and collect in ``damage`` the errors that were skipped."""
    import av

    faults: list[Exception] = []
    tags_may_follow = False
    try:
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
            yield from frames
    except av.FFmpegError as error:
        faults.append(error)
    if not tags_may_follow:  # FFmpeg mistakes tags at the end of an mp3 file for damaged frames
        damage += faults


def _converted(frames: Iterable[av.AudioFrame], layout: str, stream: StreamFacts) -> Iterator[Samples]:
    """Convert frames to float32 ``(channels, samples)``; in blocks, since each conversion has a fixed cost."""
    import av

    def drain(samples: int = 0) -> Iterator[Samples]:
        for packed in converter.resample(queue.read(samples)):
            yield packed.to_ndarray().reshape(-1, stream.channels).T.astype(np.float32, order="C")

    queue, kind = av.AudioFifo(), None
    for frame in frames:
        if kind != (kind := (frame.format.name, frame.layout.name, frame.sample_rate)):
            if queue.samples:
                yield from drain()
            # interleaved floats, because PyAV crashes on 8 planes
            queue, converter = av.AudioFifo(), av.AudioResampler("flt", layout, stream.sample_rate)
        frame.pts = None  # timestamps may have gaps, which the queue refuses
        queue.write(frame)
        if queue.samples >= BLOCK:
            yield from drain(BLOCK)
    if queue.samples:
        yield from drain()
