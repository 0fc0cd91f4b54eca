"""Getting a model on the command line: what is announced, and a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from partita.cli.console import human, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from partita.zoo.bag import Bag
    from partita.zoo.download import Progress as Report
    from partita.zoo.package import Package

__all__ = ["Offline", "obtain"]

Offline = Annotated[
    bool, typer.Option("--offline", envvar="PARTITA_OFFLINE", help="Use installed models only; download nothing.")
]


def obtain(
    name: str, *, offline: bool, stems: Callable[[tuple[str, ...]], Collection[str]] | None = None
) -> Package | Bag:
    """Return a model; download and install a published one that is not installed yet.

    Args:
        name: As of :func:`partita.zoo.get.get_model`.
        offline: As there.
        stems: As there.

    Raises:
        ModelError: As of :func:`partita.zoo.get.get_model`.
        OutputError: The model cannot be written.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from partita.zoo.get import get_model

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=human, transient=True, disable=not human.is_terminal) as bar:

        def announce(text: str) -> None:
            human.print(printable(text), markup=False, soft_wrap=True)

        def start(file: str) -> Report:
            task = bar.add_task(printable(file), total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        return get_model(name, stems=stems, offline=offline, announce=announce, progress=start)
