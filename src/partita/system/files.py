"""Files of unknown origin: regular files of a bounded size, never devices, pipes or links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from partita.errors import ConfigError

__all__ = ["open_regular", "read_regular"]

# opening a pipe waits for its other end, unless it does not block
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def open_regular(path: Path, most: int) -> Iterator[BufferedReader]:
    """Open a regular file of at most ``most`` bytes for reading.

    Raises:
        ConfigError: There is no such file, it is not a regular file, it is a link, it is too large, or it cannot be
            read.
    """
    try:
        if path.is_symlink():
            raise ConfigError(f"{path}: is a link; put the file itself there")
        with open(path, "rb", opener=_open) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ConfigError(f"{path}: is not a regular file")
            if facts.st_size > most:
                raise ConfigError(f"{path}: is larger than {most / 1e6:.0f} MB, the most that it may have")
            yield file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}") from error


def read_regular(path: Path, most: int) -> bytes:
    """Read a regular file of at most ``most`` bytes.

    Raises:
        ConfigError: As of :func:`open_regular`.
    """
    with open_regular(path, most) as file:
        return file.read(most)


def _open(path: str, _: int) -> int:
    return os.open(path, _FLAGS)
