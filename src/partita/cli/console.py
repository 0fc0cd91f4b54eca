"""What every command prints through (results to stdout, everything else to stderr), and how it reads lists."""

from __future__ import annotations

from rich.console import Console

from partita.errors import ConfigError

__all__ = ["error", "human", "printable", "stem_names", "warning"]

human = Console(stderr=True, highlight=False)


def error(message: str) -> None:
    """Print an error, one line."""
    human.print("[red]error:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def warning(message: str) -> None:
    """Print a warning, one line."""
    human.print("[yellow]warning:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def printable(message: str) -> str:
    """Return a message without the line ends, control characters and lone surrogates a file's name may hold."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)


def stem_names(option: str, text: str | None) -> tuple[str, ...] | None:
    """Read the names of stems that an option gives with commas between them; None where it is not given.

    Raises:
        ConfigError: One of them is empty.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ConfigError(f"{option}: {text!r} has an empty name in it; give stems as drums,bass,other,vocals")
    return names
