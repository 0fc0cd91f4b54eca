"""Texts for people: durations, and names that may contain anything."""

from __future__ import annotations

__all__ = ["clock", "printable"]


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, such as ``3:07``, with hours from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def printable(text: str) -> str:
    """Return a text with line ends, control characters and lone surrogates escaped; file names may contain them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
