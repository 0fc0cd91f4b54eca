"""Architectures: pure torch modules, one architecture a file, each built from a typed configuration.

Importing this package needs no torch; :func:`build`, :func:`configure` and the classes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from partita.models.geometry import Geometry
from partita.models.registry import ARCHITECTURES, build, configure
from partita.system.lazy import lazy_names

if TYPE_CHECKING:
    from partita.models.base import ModelConfig, WaveformModel

__all__ = ["ARCHITECTURES", "Geometry", "ModelConfig", "WaveformModel", "build", "configure"]


__getattr__ = lazy_names(__name__, dict.fromkeys(("ModelConfig", "WaveformModel"), "partita.models.base"))


def __dir__() -> list[str]:
    return __all__
