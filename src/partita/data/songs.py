"""Folders of songs: ``SONG/{stem}.{wav,flac,ogg,...}``, one file a stem."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from partita.errors import AudioError, ConfigError

__all__ = ["AUDIO_SUFFIXES", "Song", "find_songs"]

AUDIO_SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"})


@dataclass(frozen=True)
class Song:
    """A song on disk.

    Attributes:
        name: Name of its folder.
        stems: The file of each stem there is; a missing one counts as silence.
    """

    name: str
    stems: dict[str, Path]


def find_songs(roots: list[Path], sources: tuple[str, ...]) -> list[Song]:
    """List the songs of folders, sorted by path.

    Args:
        roots: Folders that hold a folder for each song.
        sources: Names of the stems to look for; other files are ignored.

    Raises:
        AudioError: A root does not exist, or no song of it has any of the stems.
        ConfigError: A stem exists in two formats.
    """
    songs = []
    for root in roots:
        if not root.is_dir():
            raise AudioError(f"{root}: no such folder of songs")
        found = [song for folder in sorted(root.iterdir()) if (song := _read_folder(folder, sources)).stems]
        if not found:
            raise AudioError(f"{root}: no song in it has any of {', '.join(sources)}; expected {root}/SONG/STEM.wav")
        songs += found
    return songs


def _read_folder(folder: Path, sources: tuple[str, ...]) -> Song:
    stems: dict[str, Path] = {}
    if folder.is_dir() and not folder.name.startswith("."):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in AUDIO_SUFFIXES or path.stem not in sources:
                continue
            if path.stem in stems:
                raise ConfigError(f"{folder}: has {stems[path.stem].name} and {path.name}; keep one of them")
            stems[path.stem] = path
    return Song(folder.name, stems)
