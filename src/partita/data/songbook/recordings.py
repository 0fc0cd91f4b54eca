"""Recordings read at the songbook's sample rate, and the licences their folders name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from partita.audio import AudioReader, resample_blocks
from partita.data.songbook.effects import RATE, Audio

__all__ = ["licence", "read_audio"]

_NAMED = re.compile(r"_((?:CC|MIT|BSD|Artistic|GPL|LGPL|Apache|ISC)[\w.-]*)$")


def read_audio(path: Path, channels: int = 2) -> Audio:
    """Read a file as (channels, samples) at 44.1 kHz; mono files are copied to both channels.

    Raises:
        AudioError: The file cannot be read.
    """
    reader = AudioReader(path, channels)
    blocks = list(resample_blocks(reader.blocks(), reader.sample_rate, RATE, channels))
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((channels, 0), np.float32)


def licence(path: Path) -> str:
    """The licence of a file that the nearest folder states: ``licence`` of its ``metadata.json``, or its name's end."""
    for folder in path.parents:
        facts = folder / "metadata.json"
        named = json.loads(facts.read_text()).get("licence") if facts.is_file() else None
        if named:
            return str(named)
        if found := _NAMED.search(folder.name):
            return found[1]
    return "not stated"
