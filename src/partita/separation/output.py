"""Stems on their way to files: common gain, residual, all or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.audio import AudioWriter
from partita.errors import OutputError
from partita.separation.blocks import Block

__all__ = ["RESIDUAL", "lanes_of", "write_lanes"]

Array = npt.NDArray[np.float32]

RESIDUAL = "residual"
_BLOCK = 65536  # samples
_FLOAT_BYTES = 4


def lanes_of(block: Block, sources: tuple[str, ...], names: Iterable[str]) -> list[Array]:
    """Return what is to be written of a block, ``(channels, samples)`` each.

    A name is that of a source, ``residual`` for what no source holds, or ``no_SOURCE`` for the mixture without
    that source: the two add up to the mixture.
    """
    lanes = []
    for name in names:
        if name == RESIDUAL:
            lanes.append(block.mixture - block.stems.sum(0))
        elif name in sources:
            lanes.append(block.stems[sources.index(name)])
        else:
            lanes.append(block.mixture - block.stems[sources.index(name.removeprefix("no_"))])
    return lanes


def write_lanes(
    blocks: Iterator[list[Array]],
    paths: list[Path],
    *,
    sample_rate: int,
    channels: int,
    samples: int,
    format: str,
    bits: str,
) -> float:
    """Write one file a lane, none of them under its name before all are whole.

    Integer and lossy formats hold no sample beyond full scale. Where any lane has one, all are turned down by
    the same gain, so that they keep their balance; floats are written as they are.

    Args:
        blocks: Consecutive samples of each lane, ``(channels, any)``.
        paths: Where each lane goes.
        sample_rate: Hz.
        channels: Of each lane.
        samples: Length of each lane.
        format: wav, flac, mp3, ogg or opus.
        bits: ``16``, ``24`` or ``32f``.

    Returns:
        The gain; 1 where levels are untouched.

    Raises:
        OutputError: A file cannot be written.
    """
    for folder in {path.parent for path in paths}:
        _make_folder(folder)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(AudioWriter(path, sample_rate, channels, samples, format=format, bits=bits, seed=seed))
            for seed, path in enumerate(paths)  # dithers that differ do not add up
        ]
        if bits == "32f":
            for lanes in blocks:
                for writer, lane in zip(writers, lanes, strict=True):
                    writer.write(lane)
            return 1.0
        spool = stack.enter_context(_Spool(paths[0].parent, len(paths), channels, samples))
        for lanes in blocks:
            spool.write(lanes)
        gain = 1.0 / spool.peak if spool.peak > 1 else 1.0

        def encode(index: int) -> None:
            for block in spool.read(index):
                writers[index].write(block * np.float32(gain) if gain != 1 else block)

        with ThreadPoolExecutor() as pool:
            list(pool.map(encode, range(len(paths))))
        return gain


class _Spool:
    """Lanes on disk as raw floats, until the peak of all is known."""

    def __init__(self, folder: Path, lanes: int, channels: int, samples: int) -> None:
        self.peak = 0.0
        self._channels = channels
        needed = lanes * channels * samples * _FLOAT_BYTES
        if shutil.disk_usage(folder).free < needed:
            raise OutputError(f"{folder}: the disk is full, {needed / 2**20:.0f} MiB are needed while separating")
        try:  # nameless files: gone when closed, whatever happens
            self._files = [tempfile.TemporaryFile(dir=folder, prefix=".partita-") for _ in range(lanes)]  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"{folder}: cannot write here: {error.strerror}") from error

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def write(self, lanes: list[Array]) -> None:
        """Append a block to every lane."""
        try:
            for file, lane in zip(self._files, lanes, strict=True):
                self.peak = max(self.peak, float(np.abs(lane).max(initial=0)))
                file.write(np.ascontiguousarray(lane.T).data)
        except OSError as error:
            raise OutputError(f"no room for temporary files: {error.strerror}") from error

    def read(self, index: int) -> Iterator[Array]:
        """Yield one lane from its beginning."""
        file = self._files[index]
        file.seek(0)
        while block := file.read(_BLOCK * self._channels * _FLOAT_BYTES):
            yield np.frombuffer(block, np.float32).reshape(-1, self._channels).T


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder: {error.strerror}") from error
