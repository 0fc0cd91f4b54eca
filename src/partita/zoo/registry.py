"""From names to model packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from partita.errors import ModelError, nearest
from partita.zoo.card import CARD_NAME
from partita.zoo.package import Package, open_package

if TYPE_CHECKING:
    from partita.models.base import WaveformModel

__all__ = ["find_package", "list_packages", "load_model"]

_EMBEDDED = Path(__file__).with_name("packages")


def list_packages() -> list[Package]:
    """Return the packages that ship with partita, sorted by name.

    Raises:
        ModelError: One of them is damaged.
    """
    return [open_package(card.parent) for card in sorted(_EMBEDDED.glob(f"*/{CARD_NAME}"))]


def find_package(model: str | Path = "default") -> Package:
    """Open a package by its name or by the path of its folder.

    Args:
        model: Name of a package that ships with partita, or a folder.

    Raises:
        ModelError: There is no such package, it is damaged, or the folder holds an unfinished training run.
    """
    embedded = _EMBEDDED / model
    if isinstance(model, str) and Path(model).name == model and (embedded / CARD_NAME).is_file():
        return open_package(embedded)
    if Path(model).is_dir():
        return open_package(Path(model))
    names = [card.parent.name for card in _EMBEDDED.glob(f"*/{CARD_NAME}")]
    raise ModelError(f"no model {str(model)!r}{nearest(str(model), names)}; or pass the folder of a model package")


def load_model(model: str | Path | Package = "default") -> WaveformModel:
    """Return the torch module of a package with its weights, in evaluation mode, on the CPU.

    It maps mixtures ``(batch, channels, samples)`` to stems ``(batch, sources, channels, samples)``, float32. A
    :class:`partita.Separator` also normalises, resamples and handles whole tracks.

    Args:
        model: Name of a package that ships with partita, a folder, or an open package.

    Raises:
        ModelError: There is no such package, it is damaged, or torch is not installed.
    """
    package = model if isinstance(model, Package) else find_package(model)
    return package.load_torch()
