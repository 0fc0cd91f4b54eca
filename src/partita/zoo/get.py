"""Getting published models by their names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from partita.errors import ModelError, OutputError
from partita.system.atomic import atomic_path
from partita.zoo.bag import Bag, open_bag, write_bag
from partita.zoo.download import Progress, download
from partita.zoo.home import downloads_folder, models_folder
from partita.zoo.imports import import_checkpoint
from partita.zoo.package import Package
from partita.zoo.published import PublishedModel, published_model
from partita.zoo.registry import embedded_names, find_model, installed_names

__all__ = ["get_model"]


def get_model(
    name: str,
    *,
    offline: bool = False,
    announce: Callable[[str], None] | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> Package | Bag:
    """Return an installed model; download and import a published one if it is not installed yet.

    Args:
        name: A name that :func:`published_models` has, or the name or folder of an installed model.
        offline: Do not download.
        announce: Is called with one line about size and licence before a download starts.
        progress: Is called with the name of each file and returns what is called with its progress.

    Raises:
        ModelError: The name is unknown, the file cannot be reached or is damaged, torch is not installed, or the model
            is not installed and ``offline`` is set.
        OutputError: The model cannot be written.
    """
    if name in (*embedded_names(), *installed_names()) or os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises for some names
        return find_model(name)
    try:
        model = published_model(name)
    except KeyError:
        return find_model(name)  # which says what is known
    if offline:
        raise ModelError(f"{name}: not installed, and downloads are off; get it with partita models get {name}")
    if announce:
        announce(model.announcement())
    return _get(model, progress)


def _get(model: PublishedModel, progress: Callable[[str], Progress] | None) -> Package | Bag:
    if model.name in installed_names():
        return find_model(model.name)
    if model.members:
        packages = [_get(member, progress) for member in model.members]
        return _write_bag(model, [package for package in packages if isinstance(package, Package)])
    paths = []
    for file in model.files:
        report = progress(file.name) if progress else None
        paths.append(download(file.url, downloads_folder() / file.name, sha256=file.sha256, progress=report))
    package = import_checkpoint(
        paths[0] if len(paths) == 1 else paths,
        model.name,
        description=model.description,
        licence=model.licence,
        segment=model.segment,
        origin=", ".join(file.url for file in model.files),
    )
    for path in paths:
        with suppress(OSError):
            path.unlink()
    return package


def _write_bag(model: PublishedModel, packages: Sequence[Package]) -> Bag:
    folder = models_folder() / model.name
    try:
        with atomic_path(folder) as partial:
            partial.mkdir()
            write_bag(
                partial,
                name=model.name,
                description=model.description,
                licence=model.licence,
                like=packages[0].card,
                members=[package.card.name for package in packages],
                weights=model.weights or [[1.0] * len(packages[0].card.sources)] * len(packages),
                segment=model.segment,
            )
    except OutputError:
        if model.name not in installed_names():  # unless another process was faster
            raise
    return open_bag(folder)
