"""Stems as blocks of samples, whatever they are made of: a file, a sum of files, or a stream of a ``.stem.mp4``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from partita.audio import AudioReader, remix
from partita.data.songs import STEM_MP4, STEM_MP4_STREAMS, Song
from partita.errors import AudioError

__all__ = ["Reader", "open_stem"]

_BLOCK = 65536  # samples


class Reader(Protocol):
    """What reads a stem, as :class:`partita.audio.AudioReader` reads a file.

    Attributes:
        sample_rate: Hz.
        native_channels: As recorded.
        channels: In the blocks.
    """

    sample_rate: int
    native_channels: int
    channels: int

    @property
    def warnings(self) -> list[str]:
        """What decoding found wrong, in sentences."""

    def blocks(self, size: int = _BLOCK) -> Iterator[NDArray[np.float32]]:
        """Decode from the beginning: float32 ``(channels, size)``, the last block perhaps shorter."""


def open_stem(song: Song, stem: str, channels: int | None = None) -> Reader:
    """Open a stem of a song.

    Args:
        song: The song.
        stem: A name in ``song.stems``, or ``mixture`` where ``song.mixture`` is known.
        channels: What it is remixed to, 2 or 1; ``None`` leaves it as it is.

    Raises:
        AudioError: It cannot be read, or the files it is the sum of differ in sample rate.
        ConfigError: It cannot be remixed to that many channels.
    """
    files = song.files(stem)
    if len(files) > 1:
        return _Sum(files, channels)
    if files[0].name.lower().endswith(STEM_MP4):
        return _Stream(files[0], stem, channels)
    return AudioReader(files[0], channels)


class _Sum:
    """The sum of files, the shorter ones followed by silence."""

    def __init__(self, files: tuple[Path, ...], channels: int | None) -> None:
        native = [AudioReader(path, None) for path in files]
        self.sample_rate = native[0].sample_rate
        for reader in native:
            if reader.sample_rate != self.sample_rate:
                raise AudioError(
                    f"{reader.path}: has {reader.sample_rate} Hz and cannot be added to {files[0].name} with "
                    f"{self.sample_rate} Hz; resample one of them"
                )
        self.native_channels = max(reader.native_channels for reader in native)
        self.channels = channels or self.native_channels
        self._readers = [AudioReader(path, self.channels) for path in files]

    @property
    def warnings(self) -> list[str]:
        return [warning for reader in self._readers for warning in reader.warnings]

    def blocks(self, size: int = _BLOCK) -> Iterator[NDArray[np.float32]]:
        nothing = np.zeros((self.channels, 0), np.float32)
        for parts in zip_longest(*(reader.blocks(size) for reader in self._readers), fillvalue=nothing):
            yield reduce(_add, parts)


def _add(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    if one.shape[1] < other.shape[1]:
        one, other = other, one
    total = one.copy()
    total[:, : other.shape[1]] += other
    return total


class _Stream:
    """One of the audio streams of a MUSDB18 file."""

    def __init__(self, path: Path, stem: str, channels: int | None) -> None:
        import av

        self.warnings: list[str] = []
        self._path = path
        self._index = STEM_MP4_STREAMS.index(stem)
        try:
            with av.open(f"file:{path}") as container:
                streams = container.streams.audio
                if len(streams) != len(STEM_MP4_STREAMS):
                    wanted = ", ".join(STEM_MP4_STREAMS)
                    raise AudioError(f"{path}: has {len(streams)} audio streams; expected {wanted}, in this order")
                self.sample_rate = streams[self._index].rate
                self.native_channels = streams[self._index].channels
        except (av.FFmpegError, OSError) as error:
            raise AudioError(f"{path}: this is no audio that can be read; get a whole copy") from error
        self.channels = channels or self.native_channels

    def blocks(self, size: int = _BLOCK) -> Iterator[NDArray[np.float32]]:
        held = np.zeros((self.channels, 0), np.float32)
        for chunk in self._decoded():
            held = np.concatenate([held, chunk], axis=1)
            while held.shape[1] >= size:
                yield held[:, :size]
                held = held[:, size:]
        if held.shape[1]:
            yield held

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        import av

        try:
            with av.open(f"file:{self._path}") as container:
                resampler = av.AudioResampler("fltp")
                for frame in container.decode(audio=self._index):
                    for planar in resampler.resample(frame):
                        yield remix(planar.to_ndarray().astype(np.float32, copy=False), self.channels)
        except av.FFmpegError as error:
            raise AudioError(f"{self._path}: is damaged: {error.strerror}; get another copy of it") from error
