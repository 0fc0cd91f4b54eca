"""The class of Hybrid Demucs, as ``demucs.hdemucs``."""

from __future__ import annotations

from partita.compat.demucs.models import HDemucs

__all__ = ["HDemucs"]
