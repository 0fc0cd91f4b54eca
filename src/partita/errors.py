"""The errors partita raises, all descending from :class:`PartitaError`.

::

    PartitaError
    +-- AudioError        a file or an array that cannot be read as audio
    +-- ModelError        a model package that cannot be found, read or run
    +-- ConfigError       an option or a configuration field that is invalid
    +-- OutputError       a result that cannot be written
    +-- DivergenceError   training diverged
    +-- Cancelled         the caller asked to stop

Each message is one sentence that names the file or field and says what to do about it.
"""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable

__all__ = [
    "AudioError",
    "Cancelled",
    "ConfigError",
    "DivergenceError",
    "ModelError",
    "OutputError",
    "PartitaError",
    "nearest",
    "unexpected",
]


class PartitaError(Exception):
    """The base of every error that partita raises on purpose."""


class AudioError(PartitaError):
    """A file or an array cannot be read as audio."""


class ModelError(PartitaError):
    """A model package cannot be found, read or run."""


class ConfigError(PartitaError):
    """An option or a configuration field is invalid."""


class OutputError(PartitaError):
    """A result cannot be written."""


class DivergenceError(PartitaError):
    """Training diverged: the loss or a gradient is not finite, or has exploded."""


class Cancelled(PartitaError):  # noqa: N818 - a request that was honoured, not a failure
    """The caller asked to stop before the work was done."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the closest known name, or all known names."""
    names = sorted(known)
    found = difflib.get_close_matches(word, names, n=1)
    return f": did you mean {found[0]!r}?" if found else f"; known are {', '.join(names)}"


def unexpected(name: str, error: Exception) -> PartitaError:
    """Return the error of an input, or of a command, for an exception that no code foresaw.

    If the environment variable ``PARTITA_DEBUG`` is set, its traceback is printed to stderr.

    Args:
        name: The input or the command.
        error: The exception.
    """
    if isinstance(error, PartitaError):
        return error
    if os.environ.get("PARTITA_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return PartitaError(f"{name}: not enough memory; close other programs, or use a smaller --segment")
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return PartitaError(f"{name}: {what[:300]} (unexpected; set PARTITA_DEBUG=1 for a traceback, and report it)")
