"""Folders of songs: MUSDB18-HQ and any other ``SONG/{stem}.{wav,flac,...}``, MUSDB18's ``SONG.stem.mp4``, or both."""

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
STEM_MP4_STREAMS = ("mixture", "drums", "bass", "other", "vocals")  # the order of the audio streams in MUSDB18's files


@dataclass(frozen=True)
class Song:
    """A song on disk; :func:`partita.data.open_stem` reads its stems, whatever they are made of.

    Attributes:
        name: Name of its folder, or of its file.
        stems: The file of each stem there is; a missing stem counts as silence.
        mixture: The file of the recorded mixture. Training takes the sum of the stems instead.
        root: The folder of songs it was found in.
        parts: Further files that are added to the one of a stem, where a manifest says so.
    """

    name: str
    stems: dict[str, Path]
    mixture: Path | None = None
    root: Path | None = None
    parts: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    def files(self, stem: str) -> tuple[Path, ...]:
        """Return the files whose sum a stem is; ``mixture`` is the recorded one."""
        if stem == "mixture" and self.mixture is not None:
            return (self.mixture,)
        return (self.stems[stem], *self.parts.get(stem, ()))


def find_songs(roots: Iterable[Path], sources: Sequence[str] | None = None) -> list[Song]:
    """List the songs of folders, sorted by path.

    A song is a folder with one file a stem, named after it, or a ``.stem.mp4`` file as MUSDB18 has them. A
    ``songs.toml`` in a root may say that stems are sums of other files (:mod:`partita.data.manifest`).

    Args:
        roots: Folders that hold a folder or a ``.stem.mp4`` for each song; of MUSDB18, its ``train`` or ``test``.
        sources: Names of the stems to look for, other files being ignored. ``None`` takes what there is: the
            stems of the manifest, or else every audio file but the mixture.

    Raises:
        AudioError: A folder does not exist, cannot be read or is a link to nothing, or no song of a root has any of
            the stems.
        ConfigError: A stem exists in two formats, or a manifest makes no sense.
    """
    songs: list[Song] = []
    for root in roots:
        for _, found in scan_root(root, sources):
            if isinstance(found, PartitaError):
                raise found
            songs.append(found)
    return songs


def scan_root(root: Path, sources: Sequence[str] | None = None) -> Iterator[tuple[Path, Song | PartitaError]]:
    """List the songs of one folder as :func:`find_songs` does, but give back what is wrong with one of them.

    Yields:
        The path of each song, and the song or why it is none.

    Raises:
        AudioError: The folder does not exist or cannot be read, or no song in it has any of the stems.
        ConfigError: Its manifest makes no sense.
    """
    if not root.is_dir():
        raise AudioError(f"{root}: no such folder of songs")
    patterns = read_manifest(root)
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise _sealed(root, error) from error
    empty = True
    for entry in entries:
        found: Song | PartitaError
        try:
            found = _read_entry(entry, sources, patterns)
        except PartitaError as error:
            found = error
        except OSError as error:
            found = _sealed(entry, error)
        if isinstance(found, PartitaError) or found.stems:
            empty = False
            yield entry, found
    if empty:
        raise AudioError(f"{root}: {_why_empty(root, sources)}")


def parse_roots(words: Iterable[str]) -> dict[Path, float]:
    """Read folders of songs and their weights from ``DIR`` or ``DIR=WEIGHT``.

    Returns:
        Each folder with how much likelier a second of it is than one of a folder without a weight.

    Raises:
        ConfigError: A weight is no positive number, or a folder is given twice.
    """
    roots: dict[Path, float] = {}
    for word in words:
        path, weight = Path(word), 1.0
        folder, sign, number = word.rpartition("=")
        if sign and not path.is_dir():  # a folder may have the sign in its name
            path = Path(folder)
            try:
                weight = float(number)
            except ValueError:
                weight = math.nan
            if not 0 < weight < math.inf:
                raise ConfigError(f"{word}: {number!r} is no weight; give DIR=WEIGHT with a positive number")
        if path in roots:
            raise ConfigError(f"{path}: is given twice; a weight makes its songs likelier: {path}=2")
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
        raise AudioError(f"{entry}: is a link to what is not there; mend or remove it")
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


def _sealed(path: Path, error: OSError) -> AudioError:
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
                raise ConfigError(f"{folder}: {path.name} belongs to {other} and to {name} by songs.toml; choose one")


def _why_empty(root: Path, sources: Sequence[str] | None) -> str:
    splits = [
        folder.name
        for folder in sorted(root.iterdir())
        if folder.is_dir() and any(_read_entry(entry, sources, {}).stems for entry in folder.iterdir())
    ]
    if splits:
        return f"it holds no songs itself, but {', '.join(splits)} in it: give {root / splits[0]}"
    return f"no song in it has any of {', '.join(sources or ('the usual formats',))}; expected {root}/SONG/STEM.wav"
