"""Songs as stems: finding them, decoding them once, drawing excerpts from them, augmenting batches."""

from __future__ import annotations

from partita.data.songs import Song, find_songs

__all__ = ["Song", "find_songs"]
