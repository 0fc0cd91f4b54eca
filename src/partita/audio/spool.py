"""Temporary storage of samples on disk, as raw floats."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from partita.audio.blocks import BLOCK, Samples, interleaved
from partita.errors import OutputError

__all__ = ["Spool"]

_FLOAT_BYTES = 4


class Spool:
    """Samples on disk that are written once and then read any number of times; a context manager.

    The file has no name, so it disappears when the spool is closed or the process ends, even if it is killed.

    Args:
        channels: Number of channels.
        folder: Folder of the file; by default the system's folder for temporary files.

    Attributes:
        channels: Number of channels.
        samples: Number of samples written so far.

    Raises:
        OutputError: The folder cannot be written to.
    """

    def __init__(self, channels: int, folder: Path | None = None) -> None:
        self.channels = channels
        self.samples = 0
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".partita-")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise self._no_room(error) from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the samples."""
        with suppress(OSError):  # of samples that did not fit on the disk
            self._file.close()

    def write(self, block: Samples) -> None:
        """Append samples, float32 ``(channels, any)``.

        Raises:
            OutputError: The disk is full.
        """
        try:
            self._file.write(interleaved(block).data)
        except OSError as error:
            raise self._no_room(error) from error
        self.samples += block.shape[1]

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Read all samples from the beginning.

        Args:
            size: Length of a block in samples; only the last one may be shorter.

        Yields:
            Float32 ``(channels, size)``.
        """
        self._file.seek(0)
        while chunk := self._file.read(size * self.channels * _FLOAT_BYTES):
            yield np.frombuffer(chunk, np.float32).reshape(-1, self.channels).T

    def mapped(self) -> Samples:
        """Return the samples as a memory-mapped array, float32 ``(channels, samples)``."""
        if not self.samples:
            return np.zeros((self.channels, 0), np.float32)
        self._file.flush()
        return np.memmap(self._file, np.float32, "r", shape=(self.samples, self.channels)).T

    def _no_room(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._folder}: no room for temporary files ({error.strerror}); free some space or choose another folder"
        )
