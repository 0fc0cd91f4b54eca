"""What the songbook makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partita.data.songbook.effects import Audio

__all__ = ["Song"]


@dataclass(frozen=True)
class Song:
    """Four stems of equal length, float32 (2, samples), and what they are made of."""

    stems: dict[str, Audio]
    card: dict[str, Any]
