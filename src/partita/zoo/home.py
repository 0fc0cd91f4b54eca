"""The folder of the user's models."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

from partita.errors import ConfigError
from partita.system.names import check_plain_name

__all__ = ["checked_name", "downloads_folder", "models_folder"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def _home() -> Path:
    chosen = os.environ.get("PARTITA_HOME")
    return Path(chosen) if chosen else platformdirs.user_data_path("partita", appauthor=False)


def models_folder() -> Path:
    """Return where installed model packages are, one folder each; it may not exist yet.

    It is ``models`` in the folder that the environment variable ``PARTITA_HOME`` names, by default in the user's data
    folder (``~/.local/share/partita`` on Linux).
    """
    return _home() / "models"


def downloads_folder() -> Path:
    """Return where unfinished downloads are kept; it may not exist yet."""
    return _home() / "downloads"


def checked_name(name: str) -> str:
    """Return a name of a model if it can be the name of a folder.

    Raises:
        ConfigError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name: {name[:101]!a} is invalid; use letters, digits and the characters . _ + -")
    check_plain_name("name", name)
    return name
