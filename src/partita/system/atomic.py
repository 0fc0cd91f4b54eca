"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from partita.errors import OutputError

__all__ = ["atomic_files", "atomic_path", "open_atomically", "write_atomically"]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Reserve a temporary name that becomes ``path`` when the block ends without an exception.

    The caller creates a file or a folder under the temporary name. After an exception nothing remains of it, and
    an older file called ``path`` is unchanged. The parent folder is created if needed.

    Args:
        path: The final name. A file replaces an existing file; a folder must not exist yet.

    Yields:
        The temporary name: hidden, in the same folder, and short, because ``path`` may already be as long as the file
        system allows.

    Raises:
        OutputError: The file or folder cannot be written.
    """
    partial = path.with_name(_temporary_name())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that becomes ``path`` when the block ends without an exception.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as partial, partial.open("xb") as file:
        yield file


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file at once, under its name only when it is complete.

    Raises:
        OutputError: The file cannot be written.
    """
    with open_atomically(path) as file:
        file.write(content)


@contextmanager
def atomic_files(folder: Path, last: str) -> Iterator[Path]:
    """Reserve a temporary folder whose files move to ``folder`` when the block ends without an exception.

    After an exception nothing remains of them, and older files are unchanged.

    Args:
        folder: Where the files belong; it is created if needed.
        last: Name of the file that appears after all others, so that it can vouch for them.

    Yields:
        The temporary folder, within ``folder``.

    Raises:
        OutputError: A file cannot be written.
    """
    partial = folder / _temporary_name()
    try:
        partial.mkdir(parents=True)
        yield partial
        for path in sorted(partial.iterdir(), key=lambda path: path.name == last):
            path.replace(folder / path.name)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _temporary_name() -> str:
    return f".partita-{os.urandom(8).hex()}"
