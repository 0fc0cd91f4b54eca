"""Recordings at the songbook's sample rate, and the licences that their folders state."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from partita.audio import AudioReader, resample_blocks
from partita.errors import ConfigError
from partita_songbook.effects import RATE, Audio

__all__ = ["folder_name", "licence", "read_audio"]

_LICENCE = re.compile(r"_((?:CC|MIT|BSD|Artistic|GPL|LGPL|Apache|ISC)[\w.-]*)$")


def read_audio(path: Path, channels: int = 2) -> Audio:
    """Read a whole file at 44.1 kHz.

    Args:
        path: The file.
        channels: Number of channels to remix to, 1 or 2; mono files are copied to both channels.

    Returns:
        Float32 ``(channels, samples)``.

    Raises:
        AudioError: The file cannot be read.
    """
    reader = AudioReader(path, channels)
    blocks = list(resample_blocks(reader.blocks(), reader.sample_rate, RATE, channels))
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((channels, 0), np.float32)


def licence(path: Path) -> str:
    """Return the licence of a file as stated by the nearest folder, or ``not stated``.

    A folder states it as ``licence`` in its ``metadata.json``, or at the end of its name (``my-voice_CC0``).

    Raises:
        ConfigError: A ``metadata.json`` cannot be read.
    """
    return _folder_licence(path.parent)


def folder_name(folder: Path) -> str:
    """Return the name of a folder without a licence at its end."""
    return _LICENCE.sub("", folder.name)


def _folder_licence(folder: Path) -> str:
    facts = folder / "metadata.json"
    if facts.is_file():
        try:
            stated = json.loads(facts.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{facts}: cannot be read as JSON ({error}); correct or remove it") from error
        if isinstance(stated, dict) and stated.get("licence"):
            return str(stated["licence"])
    if found := _LICENCE.search(folder.name):
        return found[1]
    return "not stated" if folder == folder.parent else _folder_licence(folder.parent)
