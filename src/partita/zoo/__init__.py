"""Model packages: cards, the registry of names, and export from torch.

Reading a package needs no torch; :func:`load_model` and :mod:`partita.zoo.export` do.
"""

from __future__ import annotations

from partita.models.geometry import Geometry
from partita.zoo.bag import Bag
from partita.zoo.card import Card
from partita.zoo.listing import ModelInfo, list_models
from partita.zoo.package import Package, open_package
from partita.zoo.registry import find_model, find_package, load_model

__all__ = [
    "Bag",
    "Card",
    "Geometry",
    "ModelInfo",
    "Package",
    "find_model",
    "find_package",
    "list_models",
    "load_model",
    "open_package",
]
