"""What the commands share: messages on stderr, tables on stdout, texts for times, lists in options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from partita.errors import ConfigError
from partita.system.interruption import ends_within
from partita.system.text import clock, printable

__all__ = [
    "cell",
    "clock",
    "ends_within_a_second",
    "error",
    "human",
    "labels",
    "print_table",
    "printable",
    "stem_names",
    "warning",
]

_PATIENCE = 0.6  # seconds a command has to end by itself

human = Console(stderr=True, highlight=False)


def error(message: str) -> None:
    """Print an error, one line."""
    human.print("[red]error:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def warning(message: str) -> None:
    """Print a warning, one line."""
    human.print("[yellow]warning:[/]", end=" ")
    human.print(printable(message), markup=False, soft_wrap=True)


def ends_within_a_second() -> AbstractContextManager[None]:
    """Return a context in which a signal ends the command within a second, whatever it is doing."""
    return ends_within(_PATIENCE, lambda: error("stopped; what was not complete is not written"))


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


def cell(text: str) -> Text:
    """Return a text for a table or a bar as it is; rich would take what is in brackets for markup."""
    return Text(printable(text))


def labels(paths: Sequence[Path]) -> list[str]:
    """Return the names of paths for a table, and whole paths where several have the same name."""
    count = Counter(path.name for path in paths)
    return [printable(path.name if count[path.name] == 1 else str(path)) for path in paths]


def print_table(table: Table) -> None:
    """Print a table on stdout; where the terminal is too narrow, it becomes wider instead of breaking words."""
    console = Console(highlight=False)
    options = console.options.update(max_width=10_000)
    console.width = max(console.width, Measurement.get(console, options, table).minimum)
    console.print(table)
