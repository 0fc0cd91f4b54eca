"""What every command prints through: results to stdout, everything else to stderr."""

from __future__ import annotations

from rich.console import Console

__all__ = ["error", "human", "printable", "warning"]

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
