"""Architectures: pure torch modules, one architecture a file, each built from a typed configuration.

Importing this package needs no torch; :func:`build`, :func:`configure` and the classes do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from partita.models.geometry import Geometry
from partita.models.registry import ARCHITECTURES, build, configure

if TYPE_CHECKING:
    from partita.models.base import ModelConfig, WaveformModel

__all__ = ["ARCHITECTURES", "Geometry", "ModelConfig", "WaveformModel", "build", "configure"]


def __getattr__(name: str) -> Any:
    if name in ("ModelConfig", "WaveformModel"):
        return getattr(import_module("partita.models.base"), name)
    raise AttributeError(f"module 'partita.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
