"""The configurations that ship with partita, by name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from partita.errors import ConfigError, nearest
from partita.training.config import TrainingConfig, load_config, parse_config

__all__ = ["find_config", "list_presets"]


def list_presets() -> dict[str, str]:
    """Return the name and the description of each preset; the latter is the first line of its comment."""
    texts = {name: _read(name) for name in sorted(_names())}
    return {name: text.partition("\n")[0].removeprefix("#").strip() for name, text in texts.items()}


def find_config(word: str, overrides: Iterable[str] = ()) -> TrainingConfig:
    """Read a preset or a file.

    Args:
        word: Name of a preset, or path of a TOML file.
        overrides: Changes to fields, as of :func:`partita.training.parse_config`.

    Raises:
        ConfigError: There is no such preset or file, or a field is unknown or invalid.
    """
    if word in _names():
        return parse_config(_read(word), word, overrides)
    if word.endswith(".toml") or Path(word).exists():
        return load_config(Path(word), overrides)
    raise ConfigError(f"{word}: neither a preset nor a .toml file{nearest(word, _names())}")


def _names() -> list[str]:
    folder = resources.files("partita.training") / "presets"
    return [path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml")]


def _read(name: str) -> str:
    return (resources.files("partita.training") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
