"""torch, or one clear error where it is missing."""

from __future__ import annotations

from partita.errors import ConfigError
from partita.system.extras import missing_extra

__all__ = ["MissingTorchError", "torch"]


class MissingTorchError(ConfigError, ImportError):
    """torch is not installed; also an :class:`ImportError`, as without demucs."""


try:
    import torch
except ModuleNotFoundError as error:
    raise MissingTorchError(f"partita.compat.demucs: {missing_extra('torch', 'torch')}") from error
