"""Songs as stems: finding them, checking them, decoding them once, drawing excerpts from them, augmenting batches."""

from __future__ import annotations

from partita.data.readers import open_stem
from partita.data.songs import Song, find_songs, parse_roots

__all__ = ["Song", "find_songs", "open_stem", "parse_roots"]
