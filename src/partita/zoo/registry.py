"""From names to model packages."""

from __future__ import annotations

from pathlib import Path

from partita.errors import ModelError, nearest
from partita.zoo.card import CARD_NAME
from partita.zoo.oracles import ORACLES
from partita.zoo.package import Package, open_package

__all__ = ["find_package", "list_packages"]

_EMBEDDED = Path(__file__).with_name("packages")


def list_packages() -> list[Package]:
    """Return the packages that come with partita, by name."""
    return [open_package(card.parent) for card in sorted(_EMBEDDED.glob(f"*/{CARD_NAME}"))]


def find_package(model: str | Path) -> Package:
    """Open a package by its name or by the path of its folder.

    Raises:
        ModelError: There is none of that name, it is an oracle, or it is damaged.
    """
    embedded = _EMBEDDED / model
    if isinstance(model, str) and Path(model).name == model and (embedded / CARD_NAME).is_file():
        return open_package(embedded)
    if Path(model).is_dir():
        return open_package(Path(model))
    if model in ORACLES:
        raise ModelError(f"{model}: needs the true stems; partita evaluate takes it, or give another model")
    names = [card.parent.name for card in _EMBEDDED.glob(f"*/{CARD_NAME}")]
    hint = nearest(str(model), [*names, *ORACLES])
    raise ModelError(f"no model {str(model)!r}{hint} (the folder of a package does too)")
