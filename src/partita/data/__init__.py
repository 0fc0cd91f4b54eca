"""Data sets of songs as stems: finding, checking, decoding and caching them.

:mod:`partita.data.excerpts`, :mod:`partita.data.augment` and :mod:`partita.data.repitch` turn cached songs into
training batches. They need torch and pedalboard, so they are not imported here.
"""

from __future__ import annotations

from partita.data.cache import CachedSong, cache_song, cache_songs
from partita.data.check import Problem, SongReport, check_data
from partita.data.measure import Measurement, StemStatistics, measure_song
from partita.data.readers import open_stem, song_seconds
from partita.data.songs import Song, find_songs, parse_roots, scan_root

__all__ = [
    "CachedSong",
    "Measurement",
    "Problem",
    "Song",
    "SongReport",
    "StemStatistics",
    "cache_song",
    "cache_songs",
    "check_data",
    "find_songs",
    "measure_song",
    "open_stem",
    "parse_roots",
    "scan_root",
    "song_seconds",
]
