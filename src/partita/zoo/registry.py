"""From names to models."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from partita.errors import ModelError, OutputError, nearest
from partita.zoo.bag import BAG_NAME, Bag, open_bag
from partita.zoo.card import CARD_NAME
from partita.zoo.home import models_folder
from partita.zoo.package import EMBEDDED, Package, open_package
from partita.zoo.published import published_model, published_models

if TYPE_CHECKING:
    from partita.models.base import WaveformModel

__all__ = [
    "embedded_names",
    "find_model",
    "find_package",
    "installed_names",
    "is_present",
    "known_names",
    "load_model",
    "model_folder",
    "remove_model",
]


def embedded_names() -> list[str]:
    """Return the names of the packages that ship with partita, sorted."""
    return sorted(card.parent.name for card in EMBEDDED.glob(f"*/{CARD_NAME}"))


def installed_names() -> list[str]:
    """Return the names of the models and bags in the user's folder, sorted."""
    paths = [*models_folder().glob(f"*/{CARD_NAME}"), *models_folder().glob(f"*/{BAG_NAME}")]
    return sorted(path.parent.name for path in paths if not path.parent.name.startswith("."))


def is_present(name: str) -> bool:
    """Return whether a name is that of an embedded or installed model, or of a folder that holds a model."""
    files = (f"{name}/{file}" for file in (CARD_NAME, BAG_NAME))
    return name in (*embedded_names(), *installed_names()) or any(
        os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long
        for path in files
    )


def known_names() -> list[str]:
    """Return the names of all models that are embedded, installed or published."""
    return list(dict.fromkeys([*embedded_names(), *installed_names(), *published_models()]))


def model_folder(name: str) -> Path:
    """Return the folder of an embedded or installed model."""
    return (EMBEDDED if name in embedded_names() else models_folder()) / name


def find_package(model: str | Path = "default") -> Package:
    """Open a package by its name or by the path of its folder.

    Args:
        model: Name of a package that ships with partita or is installed, or a folder.

    Raises:
        ModelError: There is no such package, it is a bag or damaged, or the folder holds an unfinished training run.
    """
    found = find_model(model)
    if isinstance(found, Bag):
        names = ", ".join(member.name for member in found.members)
        raise ModelError(f"{found.name}: a bag of several models; choose one of them: {names}")
    return found


def find_model(model: str | Path = "default") -> Package | Bag:
    """Open a package or a bag by its name or by the path of its folder; nothing is downloaded.

    Args:
        model: Name of a model that ships with partita or is installed, or a folder.

    Raises:
        ModelError: There is no such model, it is damaged, or the folder holds an unfinished training run.
    """
    name = str(model)
    if isinstance(model, str) and name in (*embedded_names(), *installed_names()):
        return _open(model_folder(name))
    if os.path.isdir(model):  # noqa: PTH112 - Path.is_dir raises for names that are too long
        return _open(Path(model))
    raise ModelError(_unknown(name))


def remove_model(name: str) -> list[str]:
    """Remove an installed model; the members of a bag stay.

    Returns:
        The names of the installed members of the bag that no other bag needs.

    Raises:
        ModelError: It is not installed, or a bag needs it.
        OutputError: It cannot be removed.
    """
    if name not in installed_names():
        shipped = "ships with partita and cannot be removed" if name in embedded_names() else "not installed"
        raise ModelError(f"{name}: {shipped}")
    bags = {other: _members(models_folder() / other) for other in installed_names() if other != name}
    for other, members in bags.items():
        if name in members:
            raise ModelError(f"{name}: the bag {other} needs it; remove that first with partita models remove {other}")
    own = _members(models_folder() / name)
    try:
        shutil.rmtree(models_folder() / name)
    except OSError as error:
        raise OutputError(f"{models_folder() / name}: cannot be removed: {error.strerror or error}") from error
    needed = {member for members in bags.values() for member in members}
    return [member for member in own if member in installed_names() and member not in needed]


def load_model(model: str | Path | Package = "default") -> WaveformModel:
    """Return the torch module of a package with its weights, in evaluation mode, on the CPU.

    It maps mixtures ``(batch, channels, samples)`` to stems ``(batch, sources, channels, samples)``, float32. A
    :class:`partita.Separator` also normalises, resamples and handles whole tracks.

    Args:
        model: Name of a package that ships with partita or is installed, a folder, or an open package.

    Raises:
        ModelError: There is no such package, it is damaged, or torch is not installed.
    """
    package = model if isinstance(model, Package) else find_package(model)
    return package.load_torch()


def _open(folder: Path) -> Package | Bag:
    return open_bag(folder) if os.path.lexists(folder / BAG_NAME) else open_package(folder)


def _members(folder: Path) -> list[str]:
    if not (folder / BAG_NAME).is_file():
        return []
    try:
        return [member.name for member in open_bag(folder).members]
    except ModelError:
        return []


def _unknown(name: str) -> str:
    with suppress(KeyError):
        return f"{published_model(name).name}: not installed; get it with partita models get {name}"
    near = nearest(name, known_names())
    return f"no model {name!r}{near}; or pass the folder of a model package"
