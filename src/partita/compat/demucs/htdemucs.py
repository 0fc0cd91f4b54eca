"""The class of Hybrid Transformer Demucs, as ``demucs.htdemucs``."""

from __future__ import annotations

from partita.compat.demucs.models import HTDemucs

__all__ = ["HTDemucs"]
