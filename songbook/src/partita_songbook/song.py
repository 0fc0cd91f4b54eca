"""The result of rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partita_songbook.effects import Audio

__all__ = ["RenderedSong"]


@dataclass(frozen=True)
class RenderedSong:
    """A rendered song.

    Attributes:
        stems: Stem name -> float32 ``(2, samples)`` at 44.1 kHz, all of equal length; they add up to the mixture.
        card: Style, tempo, key, ingredients and their licences, for ``card.json``.
    """

    stems: dict[str, Audio]
    card: dict[str, Any]
