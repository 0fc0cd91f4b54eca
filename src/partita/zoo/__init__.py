"""Model packages: cards, the registry of names, oracles, and export from torch.

Reading needs no torch; :mod:`partita.zoo.export` does.
"""

from __future__ import annotations

from partita.zoo.card import Card
from partita.zoo.oracles import ORACLES, Oracle
from partita.zoo.package import Package, open_package
from partita.zoo.registry import find_package, list_packages

__all__ = ["ORACLES", "Card", "Oracle", "Package", "find_package", "list_packages", "open_package"]
