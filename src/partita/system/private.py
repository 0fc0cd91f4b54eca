"""Hidden folders that a process keeps unfinished files in, and removes; those of processes that were killed too."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be deleted, which serves as well
    fcntl = None  # type: ignore[assignment]

__all__ = ["completing", "private_folder", "remove_unfinished"]

_PREFIX = ".partita-"
_LOCK = "lock"
_UNLOCKED = 3600.0  # seconds after which an empty folder was left by a process that was killed before it locked it

_live: set[Path] = set()
_swept: set[str] = set()
_completing = Lock()


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Create a hidden folder for unfinished files and remove it at the end of the block.

    It holds a file that is locked as long as the process lives. The first time that a process creates such a folder in
    ``parent``, it removes those whose processes are gone: those that are not locked, if they were made on this computer
    or by a process on this kernel. Locks may not be visible across computers, so folders of others stay.

    Args:
        parent: An existing folder.

    Yields:
        The folder, which contains the locked file alone.

    Raises:
        OSError: The folder cannot be created.
    """
    _sweep(parent)
    folder, lock = _create(parent)
    _live.add(folder)
    try:
        yield folder
    finally:
        if fcntl is None:
            os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
        if fcntl is not None:  # only now, so that nobody else removes it at the same time
            os.close(lock)
        _live.discard(folder)


@contextmanager
def completing() -> Iterator[None]:
    """Keep :func:`remove_unfinished` in another thread from running while files are given their names."""
    with _completing:
        yield


def remove_unfinished(patience: float) -> None:
    """Remove the private folders of this process, which is about to end without unwinding.

    Args:
        patience: Seconds to wait for files that are being given their names.
    """
    _completing.acquire(timeout=patience)  # and keep it: no file may appear any more
    for folder in list(_live):
        shutil.rmtree(folder, ignore_errors=True)


def _create(parent: Path) -> tuple[Path, int]:
    """Return a new folder and the descriptor of its lock."""
    while True:
        folder = parent / f"{_PREFIX}{'-'.join(_place())}-{os.urandom(6).hex()}"
        folder.mkdir()
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:  # another process took it for an abandoned one
            continue
        except BaseException:
            with suppress(OSError):
                folder.rmdir()
            raise
        if fcntl is None:
            return folder, lock
        with suppress(OSError):  # where there are no locks, other processes do not get one either
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:  # not removed between its creation and the lock
            return folder, lock
        os.close(lock)


def _sweep(parent: Path) -> None:
    """Remove the folders of processes that are gone, once for each folder."""
    key = os.path.realpath(parent)
    if key in _swept:
        return
    _swept.add(key)
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(folder: Path) -> None:
    made_at = folder.name.removeprefix(_PREFIX).split("-")
    if len(made_at) != 3 or not set(_place()) & set(made_at[:2]):
        return
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        if time.time() - folder.stat().st_mtime > _UNLOCKED:
            folder.rmdir()  # which fails if it is not empty
        return
    try:
        if fcntl is None:
            os.close(lock)
            (folder / _LOCK).unlink()
        else:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the process lives
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if fcntl is not None:
            os.close(lock)


@cache
def _place() -> tuple[str, str]:
    """Return what names this kernel until it ends, and this computer."""
    computer = platform.node()
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, ValueError):
        kernel = computer
    return _short(f"kernel {kernel}"), _short(f"computer {computer}")


def _short(text: str) -> str:
    return sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
