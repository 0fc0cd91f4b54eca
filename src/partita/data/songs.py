"""Folders of songs: ``SONG/{stem}.{wav,flac,...}`` as in MUSDB18-HQ, ``SONG.stem.mp4`` as in MUSDB18, or both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from partita.data.manifest import read_manifest
from partita.errors import AudioError, ConfigError, PartitaError

__all__ = ["AUDIO_SUFFIXES", "STEM_MP4", "STEM_MP4_STREAMS", "Song", "find_songs", "parse_roots", "scan_root"]

AUDIO_SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"})
STEM_MP4 = ".stem.mp4"
STEM_MP4_STREAMS = ("mixture", "drums", "bass", "other", "vocals")  # in the order of MUSDB18's files


@dataclass(frozen=True)
class Song:
    """A song on disk. :func:`partita.data.open_stem` reads its stems.

    Attributes:
        name: Name of the song's folder, or of its ``.stem.mp4`` file without the suffix.
        stems: File of each stem; a missing stem counts as silent.
        mixture: File of the recorded mixture, if there is one. Training uses the sum of the stems instead.
        root: The folder of songs that holds this song.
        parts: For stems that a manifest defines as a sum, the files to add to the one in ``stems``.
    """

    name: str
    stems: dict[str, Path]
    mixture: Path | None = None
    root: Path | None = None
    parts: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    def files(self, stem: str) -> tuple[Path, ...]:
        """Return the files whose sum is the stem, or the file of the recorded ``mixture``."""
        if stem == "mixture" and self.mixture is not None:
            return (self.mixture,)
        return (self.stems[stem], *self.parts.get(stem, ()))


def find_songs(roots: Iterable[Path], sources: Sequence[str] | None = None) -> list[Song]:
    """List the songs in folders, sorted by path within each folder.

    A song is a folder with one audio file for each stem, named after the stem, or a ``.stem.mp4`` file as in MUSDB18.
    A ``songs.toml`` in a root can define stems as sums of other files (:mod:`partita.data.manifest`).

    Args:
        roots: Folders with a folder or a ``.stem.mp4`` file for each song, such as ``train`` or ``test`` of MUSDB18.
        sources: Names of the stems to look for; other files are ignored. ``None`` takes the stems of the manifest,
            or without a manifest every audio file except the mixture.

    Raises:
        AudioError: A folder does not exist or cannot be read, a link is broken, or no song in a root has any of the
            stems.
        ConfigError: A stem exists in two formats, or a manifest is invalid.
    """
    songs: list[Song] = []
    for root in roots:
        for _, found in scan_root(root, sources):
            if isinstance(found, PartitaError):
                raise found
            songs.append(found)
    return songs


def scan_root(root: Path, sources: Sequence[str] | None = None) -> Iterator[tuple[Path, Song | PartitaError]]:
    """List the songs in one folder as :func:`find_songs` does, but yield errors of single songs instead of raising.

    Args:
        root: The folder of songs.
        sources: As for :func:`find_songs`.

    Yields:
        The path of each song, with the song or the error that prevents its use.

    Raises:
        AudioError: The folder does not exist or cannot be read, or no song in it has any of the stems.
        ConfigError: The manifest is invalid.
    """
    if not root.is_dir():
        raise AudioError(f"{root}: no such folder; give a folder of songs")
    patterns = read_manifest(root)
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise _unreadable(root, error) from error
    empty = True
    for entry in entries:
        found: Song | PartitaError
        try:
            found = _read_entry(entry, sources, patterns)
        except PartitaError as error:
            found = error
        except OSError as error:
            found = _unreadable(entry, error)
        if isinstance(found, PartitaError) or found.stems:
            empty = False
            yield entry, found
    if empty:
        raise AudioError(f"{root}: {_explain_empty(root, sources)}")


def parse_roots(words: Iterable[str]) -> dict[Path, float]:
    """Parse folders of songs with optional weights, ``DIR`` or ``DIR=WEIGHT``.

    Returns:
        The weight of each folder (default: 1), the relative probability of drawing one of its seconds in training.

    Raises:
        ConfigError: A weight is not a positive number, or a folder is given twice.
    """
    roots: dict[Path, float] = {}
    for word in words:
        path, weight = Path(word), 1.0
        folder, sign, number = word.rpartition("=")
        if sign and not path.is_dir():  # the name of a folder may contain "="
            path = Path(folder)
            try:
                weight = float(number)
            except ValueError:
                weight = math.nan
            if not 0 < weight < math.inf:
                raise ConfigError(f"{word}: the weight {number!r} is invalid; give DIR=WEIGHT with a positive number")
        if path in roots:
            raise ConfigError(f"{path}: is given twice; to draw its songs more often, give a weight: {path}=2")
        roots[path] = weight
    return roots


def _read_entry(entry: Path, sources: Sequence[str] | None, patterns: dict[str, tuple[str, ...]]) -> Song:
    if entry.name.startswith("."):
        return Song(entry.name, {})
    if entry.name.lower().endswith(STEM_MP4):
        names = STEM_MP4_STREAMS[1:]
        stems = {name: entry for name in names if sources is None or name in sources}
        return Song(entry.name[: -len(STEM_MP4)], stems, mixture=entry, root=entry.parent)
    if entry.is_symlink() and not entry.exists():
        raise AudioError(f"{entry}: is a broken link; fix or remove it")
    if not entry.is_dir():
        return Song(entry.name, {})
    found: dict[str, list[Path]] = {}
    for path in filter(_is_audio, sorted(entry.iterdir())):
        found.setdefault(path.stem, []).append(path)
    for name in ("mixture", *(sources or found)):
        if name not in patterns and len(files := found.get(name, [])) > 1:
            raise ConfigError(f"{entry}: has {files[0].name} and {files[1].name}; keep one of them")
    mixture = found.pop("mixture", [None])[0]
    files_of: dict[str, list[Path]] = {}
    for name in sources or patterns or found:
        globs = patterns.get(name)
        files_of[name] = found.get(name, []) if globs is None else _matches(entry, globs, mixture)
    _refuse_shared(entry, files_of)
    stems = {name: files[0] for name, files in files_of.items() if files}
    parts = {name: tuple(files[1:]) for name, files in files_of.items() if len(files) > 1}
    return Song(entry.name, stems, mixture, entry.parent, parts)


def _unreadable(path: Path, error: OSError) -> AudioError:
    return AudioError(f"{path}: cannot be read: {error.strerror}; check its permissions")


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def _matches(folder: Path, globs: tuple[str, ...], mixture: Path | None) -> list[Path]:
    return sorted({path for glob in globs for path in folder.glob(glob) if _is_audio(path) and path != mixture})


def _refuse_shared(folder: Path, files_of: dict[str, list[Path]]) -> None:
    owner: dict[Path, str] = {}
    for name, files in files_of.items():
        for path in files:
            if (other := owner.setdefault(path, name)) != name:
                raise ConfigError(
                    f"{folder}: {path.name} matches both {other} and {name}; change the patterns in songs.toml"
                )


def _explain_empty(root: Path, sources: Sequence[str] | None) -> str:
    splits = [folder.name for folder in sorted(root.iterdir()) if folder.is_dir() and _holds_songs(folder, sources)]
    if splits:
        return f"holds no songs itself, but {', '.join(splits)} in it do; give {root / splits[0]}"
    wanted = f"any of the stems {', '.join(sources)}" if sources else "an audio file"
    return f"no song in it has {wanted}; expected {root}/SONG/STEM.wav"


def _holds_songs(folder: Path, sources: Sequence[str] | None) -> bool:
    try:
        return any(_read_entry(entry, sources, {}).stems for entry in folder.iterdir())
    except (OSError, PartitaError):
        return False
