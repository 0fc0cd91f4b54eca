"""Text for a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Return a text with line ends, control characters and lone surrogates escaped; file names may contain them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
