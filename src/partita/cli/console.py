"""What the commands share: messages on stderr, texts for times, lists in options."""

from __future__ import annotations

from rich.console import Console

from partita.errors import ConfigError
from partita.system.text import printable

__all__ = ["clock", "error", "human", "printable", "stem_names", "warning"]

human = Console(stderr=True, highlight=False)


def error(message: str) -> None:
    """Print an error, one line."""
    human.print("[red]error:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def warning(message: str) -> None:
    """Print a warning, one line."""
    human.print("[yellow]warning:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def stem_names(option: str, text: str | None) -> tuple[str, ...] | None:
    """Split the comma-separated stems of an option; None if the option is not given.

    Raises:
        ConfigError: One of them is empty.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ConfigError(f"{option}: {text!r} contains an empty name; list stems as in drums,bass,other,vocals")
    return names


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, such as ``3:07``, with hours from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
