"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from partita.errors import OutputError
from partita.system.private import completing, private_folder

__all__ = [
    "atomic_files",
    "atomic_path",
    "atomic_set",
    "existing_ancestor",
    "open_atomically",
    "write_atomically",
]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Reserve a temporary name that becomes ``path`` when the block ends without an exception.

    The caller creates a file or a folder under the temporary name. After an exception nothing remains of it, and
    an older file called ``path`` is unchanged. The parent folder is created if needed.

    Args:
        path: The final name. A file replaces an existing file; a folder must not exist yet.

    Yields:
        The temporary name, in a hidden folder beside ``path``. It is short, because ``path`` may already be as long as
        the file system allows.

    Raises:
        OutputError: The file or folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with private_folder(path.parent) as private:
            partial = private / "new"
            yield partial
            with completing():
                partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with private_folder(folder) as private:
            partial = private / "files"
            partial.mkdir()
            yield partial
            with completing():
                for path in sorted(partial.iterdir(), key=lambda path: path.name == last):
                    path.replace(folder / path.name)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error


@contextmanager
def atomic_set(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Reserve temporary names for files that appear together when the block ends without an exception, or not at all.

    A folder that does not exist yet appears at once, with its files in it. In an existing folder the files appear one
    after the other; if one of them cannot, those before it disappear, and the files they replaced are back.

    Args:
        paths: The final names. Existing files are replaced.

    Yields:
        The temporary name of each file. Their folders exist, and are in the same file system.

    Raises:
        OutputError: A file cannot be given its name.
    """
    with ExitStack() as stack:
        new: dict[Path, Path] = {}  # folder -> where its files are until then
        for folder in dict.fromkeys(path.parent for path in paths):
            try:
                new[folder] = stack.enter_context(private_folder(existing_ancestor(folder))) / "files"
                new[folder].mkdir()
            except OSError as error:
                raise OutputError(f"{folder}: cannot create this folder: {error.strerror or error}") from error
        yield [new[path.parent] / path.name for path in paths]
        with completing():
            _reveal(new)


def existing_ancestor(folder: Path) -> Path:
    """Return the folder itself, or the innermost folder above it that exists.

    Raises:
        OSError: There is none, because a part of the name is a file or too long.
    """
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return folder


def _reveal(new: dict[Path, Path]) -> None:
    """Give files their names, or undo it."""
    undo: list[Callable[[], object]] = []
    path = Path()
    try:
        for folder, files in new.items():
            path = folder
            if _reveal_folder(folder, files, undo):
                continue
            kept = files.with_name("old")
            kept.mkdir()
            for file in sorted(files.iterdir()):
                path = folder / file.name
                _reveal_file(file, path, kept / file.name, undo)
    except BaseException as error:
        for step in reversed(undo):
            with suppress(OSError):
                step()
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise


def _reveal_folder(folder: Path, files: Path, undo: list[Callable[[], object]]) -> bool:
    """Rename a whole folder, unless its name exists."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    if not missing:
        return False
    for parent in reversed(missing[1:]):
        parent.mkdir(exist_ok=True)
        undo.append(parent.rmdir)
    try:
        files.rename(missing[0])
    except FileExistsError:  # on Windows; elsewhere an empty folder is replaced
        return False
    except OSError:
        if missing[0].exists():  # by another process, since
            return False
        raise
    undo.append(lambda: missing[0].rename(files))
    return True


def _reveal_file(file: Path, path: Path, old: Path, undo: list[Callable[[], object]]) -> None:
    """Rename a file; a file that it replaces is kept as ``old``."""
    with suppress(FileNotFoundError):
        try:
            os.link(path, old, follow_symlinks=False)
        except OSError:  # a file system without links, or a folder, which cannot be replaced
            if not path.is_dir():
                path.replace(old)
                undo.append(lambda: old.replace(path))
        else:
            undo.append(lambda: old.replace(path))
    file.replace(path)
    if not os.path.lexists(old):
        undo.append(path.unlink)
