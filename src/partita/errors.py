"""The errors partita raises, all descending from :class:`PartitaError`.

::

    PartitaError
    +-- AudioError        a file or an array that cannot be read as audio
    +-- ModelError        a model package that cannot be found, read or run
    +-- ConfigError       an option or a configuration field that makes no sense
    +-- OutputError       a result that cannot be written
    +-- DivergenceError   training ran into numbers it cannot come back from (partita.training.checkpoints)
    +-- Cancelled         the caller asked to stop

Each message is one sentence that names the file or field and says what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["AudioError", "Cancelled", "ConfigError", "ModelError", "OutputError", "PartitaError", "nearest"]


class PartitaError(Exception):
    """Whatever went wrong in partita, in a sentence a user can act on."""


class AudioError(PartitaError):
    """A file or an array cannot be read as audio."""


class ModelError(PartitaError):
    """A model package cannot be found, read or run."""


class ConfigError(PartitaError):
    """An option or a configuration field makes no sense."""


class OutputError(PartitaError):
    """A result cannot be written."""


class Cancelled(PartitaError):  # noqa: N818 - it is a request that was honoured, not a failure
    """The caller asked to stop before the work was done."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return how a message about an unknown name goes on: with the name that may be meant, or with all there are."""
    names = sorted(known)
    found = difflib.get_close_matches(word, names, n=1)
    return f": did you mean {found[0]!r}?" if found else f"; known are {', '.join(names)}"
