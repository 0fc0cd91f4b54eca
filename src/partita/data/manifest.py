"""``songs.toml``: which files make up each stem, for data sets whose files are not named after the stems.

The manifest stands next to the song folders. It maps a stem to one or more file patterns, relative to each song's
folder; all matching audio files are summed. A stem that is not listed is read from the file named after it::

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
    """Read the manifest of a folder of songs.

    Returns:
        The file patterns of each listed stem; empty if there is no manifest.

    Raises:
        ConfigError: The manifest cannot be read or is invalid.
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
        raise ConfigError(f'{path}: needs a [stems] table with lines such as drums = ["kick*", "snare*"]')
    return {name: _patterns(path, name, value) for name, value in stems.items()}


def _patterns(path: Path, name: str, value: object) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if name == "mixture":
        raise ConfigError(f"{path}: stems.mixture: the mixture is not a stem; remove this line")
    if not isinstance(patterns, list) or not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigError(f'{path}: stems.{name}: give a pattern or a list of patterns, such as ["kick*", "snare*"]')
    for pattern in patterns:
        if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
            raise ConfigError(f"{path}: stems.{name}: {pattern!r} points outside the song's folder; choose files in it")
    return tuple(patterns)
