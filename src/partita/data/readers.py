"""Stems as audio sources, however they are stored: as a file, a sum of files, or a stream of a ``.stem.mp4``."""

from __future__ import annotations

from partita.audio import AudioReader, Source, SumSource
from partita.data.songs import STEM_MP4, STEM_MP4_STREAMS, Song
from partita.errors import AudioError

__all__ = ["open_stem", "song_seconds"]


def open_stem(song: Song, stem: str, channels: int | None = None) -> Source:
    """Open a stem of a song.

    Args:
        song: The song.
        stem: A name in ``song.stems``, or ``mixture`` if ``song.mixture`` is set.
        channels: Number of channels to remix to, 2 or 1; ``None`` keeps the channels of the files.

    Raises:
        AudioError: A file cannot be read, or the files of a summed stem differ in sample rate.
        ConfigError: The audio cannot be remixed to that many channels.
    """
    files = song.files(stem)
    if files[0].name.lower().endswith(STEM_MP4):
        reader = AudioReader(files[0], channels, stream=STEM_MP4_STREAMS.index(stem))
        if reader.streams != len(STEM_MP4_STREAMS):
            wanted = ", ".join(STEM_MP4_STREAMS)
            raise AudioError(f"{files[0]}: has {reader.streams} audio streams; expected {wanted}, in this order")
        return reader
    if len(files) == 1:
        return AudioReader(files[0], channels)
    channels = channels or max(AudioReader(path, None).channels for path in files)
    parts = [AudioReader(path, channels) for path in files]
    for part in parts:
        if part.sample_rate != parts[0].sample_rate:
            raise AudioError(
                f"{part.path}: its sample rate is {part.sample_rate} Hz, that of {files[0].name} is "
                f"{parts[0].sample_rate} Hz; resample one of them"
            )
    return SumSource(parts)


def song_seconds(song: Song) -> float:
    """Return the length of a song in seconds, as the header of its first stem's file states it.

    A file whose header states no length is decoded and counted.

    Args:
        song: A song with at least one stem.

    Raises:
        AudioError: The file cannot be read.
    """
    reader = AudioReader(next(iter(song.stems.values())), None)
    frames = reader.frames_declared
    if frames is None:
        frames = sum(block.shape[1] for block in reader.blocks())
    return frames / reader.sample_rate
