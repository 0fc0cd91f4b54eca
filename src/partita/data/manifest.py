"""``songs.toml``, which says what stems are made of where the files are not named after them.

It lies beside the songs' folders and maps a stem to a file pattern or several, in each song's folder; the audio
files that match are summed. Stems it does not name keep to the file of their name::

    [stems]
    drums = ["kick*", "snare*", "overheads/*"]
    vocals = "lead*"
"""

from __future__ import annotations

from pathlib import Path, PurePath

from partita.errors import ConfigError, nearest
from partita.system.toml import read_toml

__all__ = ["MANIFEST", "read_manifest"]

MANIFEST = "songs.toml"


def read_manifest(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the patterns of each stem that the manifest of a folder of songs names; none without a manifest.

    Raises:
        ConfigError: It cannot be read, or is no such manifest.
    """
    path = root / MANIFEST
    if not path.exists():
        return {}
    content = read_toml(path)
    for key in content:
        if key != "stems":
            raise ConfigError(f"{path}: unknown field {key!r}{nearest(key, ['stems'])}")
    stems = content.get("stems")
    if not isinstance(stems, dict) or not stems:
        raise ConfigError(f'{path}: needs a table [stems] with lines like drums = ["kick*", "snare*"]')
    return {name: _patterns(path, name, value) for name, value in stems.items()}


def _patterns(path: Path, name: str, value: object) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if name == "mixture":
        raise ConfigError(f"{path}: stems.mixture: the mixture is no stem; leave it out")
    if not isinstance(patterns, list) or not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigError(f'{path}: stems.{name}: give a pattern or a list of them, such as ["kick*", "snare*"]')
    for pattern in patterns:
        if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
            raise ConfigError(f"{path}: stems.{name}: {pattern!r} leads out of a song's folder")
    return tuple(patterns)
