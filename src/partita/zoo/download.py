"""Downloads that resume, are verified, and appear under their name only when they are complete.

The standard library's HTTP client follows redirects and reads the proxy variables (``HTTP_PROXY``, ``HTTPS_PROXY``,
``NO_PROXY``) of the environment.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from partita.errors import ModelError, OutputError

__all__ = ["Progress", "download", "source_of"]

Progress = Callable[[int, int | None], None]
"""Is called with the number of bytes that are there and the total, or None if the server does not state it."""

_LARGEST = 4 * 2**30  # bytes; larger than any published model
_PIECE = 2**18  # bytes
_ATTEMPTS = 5  # in a row without a single new byte


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    progress: Progress | None = None,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Download a file, or complete an earlier download of it.

    What has arrived is kept under the name of ``path`` with the ending ``.part``, and the next call completes it. A
    server that stalls or breaks the connection is asked again for the rest. The environment variable
    ``PARTITA_MIRROR`` names another place for all files: the URL of a folder, or a local folder.

    Args:
        url: Where the file is.
        path: Where to write it. If it is there already with the right sha256, nothing is downloaded.
        sha256: The sha256 of the file in hexadecimal, or its first digits.
        progress: Is called after every piece.
        timeout: Seconds without a byte after which a connection counts as stalled.
        pause: Seconds to wait before the server is asked again; doubled each time.

    Returns:
        ``path``.

    Raises:
        ModelError: The file cannot be reached, or what arrived is not the file.
        OutputError: The file cannot be written.
    """
    source = source_of(url)
    try:
        if path.is_file() and _matches(path, sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.part").open("a+b") as part:
            _lock(part)
            if path.is_file() and _matches(path, sha256):  # another process was faster
                if not part.seek(0, os.SEEK_END):
                    Path(part.name).unlink(missing_ok=True)
                return path
            if urlsplit(source).scheme in ("http", "https"):
                _fetch_verified(_Transfer(source, part, progress, timeout, pause), sha256)
            else:
                _copy_verified(Path(source), part, sha256)
            os.replace(part.name, path)  # noqa: PTH105 - the name of an open file is a string
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def source_of(url: str) -> str:
    """Return where a file is downloaded from: its URL, or its place in the mirror that ``PARTITA_MIRROR`` names."""
    mirror = os.environ.get("PARTITA_MIRROR")
    return f"{mirror.rstrip('/')}/{_basename(url)}" if mirror else url


def _basename(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _matches(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(sha256)


def _lock(file: IO[bytes]) -> None:
    """Wait until no other process downloads the same file; the lock ends with the file."""
    with suppress(ImportError):  # of Windows, which has no such lock
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _copy_verified(source: Path, part: IO[bytes], sha256: str) -> None:
    if not source.is_file():
        raise ModelError(f"{source}: not in the mirror")
    part.truncate(0)
    with source.open("rb") as file:
        shutil.copyfileobj(file, part)
    part.flush()
    _verify(part, str(source), sha256)


def _verify(part: IO[bytes], source: str, sha256: str) -> None:
    """Raise and forget what arrived unless it is the file."""
    part.seek(0)
    digest = hashlib.file_digest(part, "sha256").hexdigest()  # type: ignore[arg-type]
    if not digest.startswith(sha256):
        part.truncate(0)
        raise ModelError(
            f"{source}: arrived with the sha256 {digest[:8]}... instead of {sha256[:8]}...; it was deleted, try again, "
            "or use another mirror"
        )


def _fetch_verified(transfer: _Transfer, sha256: str) -> None:
    """Download; if an earlier part turns out to be of another file, start again without it."""
    resumed = transfer.size > 0
    transfer.run()
    try:
        _verify(transfer.part, transfer.url, sha256)
    except ModelError:
        if not resumed:
            raise
        transfer.run()
        _verify(transfer.part, transfer.url, sha256)


class _Transfer:
    """One file on its way."""

    def __init__(self, url: str, part: IO[bytes], progress: Progress | None, timeout: float, pause: float) -> None:
        self.url, self.part, self.progress, self.timeout, self.pause = url, part, progress, timeout, pause
        self.opener = urllib.request.build_opener(_Redirects())

    @property
    def size(self) -> int:
        return self.part.seek(0, os.SEEK_END)

    def run(self) -> None:
        """Ask for the rest of the file until all of it is there."""
        failures, trouble = 0, ""
        while failures < _ATTEMPTS:
            before = self.size
            try:
                if self._attempt(before):
                    return
                trouble = "the connection ended too early"
            except _Retry as error:
                trouble = str(error)
            failures = failures + 1 if self.size <= before else 1
            if failures < _ATTEMPTS:
                time.sleep(self.pause * 2 ** (failures - 1))
        raise ModelError(
            f"{self.url}: {trouble}, {_ATTEMPTS} times in a row; try again later, the rest will be resumed"
        )

    def _attempt(self, start: int) -> bool:
        """Ask for everything from ``start`` on; return whether the file is complete."""
        headers = {"User-Agent": "partita", **({"Range": f"bytes={start}-"} if start else {})}
        try:
            with self.opener.open(urllib.request.Request(self.url, headers=headers), timeout=self.timeout) as response:
                return self._receive(response, start)
        except urllib.error.HTTPError as error:
            error.close()
            return self._refused(error, start)
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from error
        except TimeoutError as error:
            raise _Retry(f"no answer for {self.timeout:g} s") from error
        except (ConnectionError, http.client.HTTPException) as error:
            raise _Retry("the connection broke") from error

    def _receive(self, response: Any, start: int) -> bool:
        total = _total(response)
        if response.status != 206 or not _starts_at(response, start):
            self.part.truncate(0)  # the server sends the file from its beginning
            start = 0
        done = start
        if self.progress:
            self.progress(done, total)
        while piece := response.read1(_PIECE):
            self.part.write(piece)
            done += len(piece)
            if done > _LARGEST:
                raise ModelError(f"{self.url}: larger than {_LARGEST / 1e9:.0f} GB, so not a published model")
            if self.progress:
                self.progress(done, total)
        self.part.flush()
        return total is None or done == total

    def _refused(self, error: urllib.error.HTTPError, start: int) -> bool:
        if error.code == 416 and start:  # nothing after this many bytes: all of it is there, or of another file
            if error.headers.get("Content-Range", "") == f"bytes */{start}":
                return True
            self.part.truncate(0)
            raise _Retry("the server has no such part of the file") from error
        if error.code == 429 or error.code >= 500:
            raise _Retry(f"the server answers {error.code} {error.reason}") from error
        raise ModelError(f"{self.url}: the server answers {error.code} {error.reason}") from error

    def _unreachable(self, reason: Any) -> Exception:
        host = urlsplit(self.url).hostname
        if isinstance(reason, TimeoutError):
            return _Retry(f"no answer for {self.timeout:g} s")
        if isinstance(reason, socket.gaierror | ConnectionRefusedError) or not isinstance(reason, OSError):
            why = reason.strerror if isinstance(reason, OSError) else str(reason)
            return ModelError(
                f"{self.url}: no connection to {host} ({why}); check the network and the proxy variables, or set "
                "PARTITA_MIRROR to a folder with the file"
            )
        return _Retry(f"no connection to {host} ({reason.strerror or reason})")


class _Retry(Exception):  # noqa: N818 - not an error of the user's
    """A failure that the next attempt may not have."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from an encrypted connection to another kind."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirected to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _total(response: Any) -> int | None:
    """Return the size of the whole file, if the server states it."""
    stated = response.headers.get("Content-Range", "").rpartition("/")[2] if response.status == 206 else None
    stated = stated or response.headers.get("Content-Length", "")
    return int(stated) if stated.isdecimal() else None


def _starts_at(response: Any, start: int) -> bool:
    return bool(response.headers.get("Content-Range", "").startswith(f"bytes {start}-"))
