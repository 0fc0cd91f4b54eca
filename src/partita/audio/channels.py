"""Downmixing to stereo or mono with the coefficients of ITU-R BS.775."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from partita.errors import AudioError, ConfigError

__all__ = ["mixing_matrix", "remix"]

_HALF_POWER = sqrt(0.5)  # -3 dB

# speaker -> its gains in the left and in the right channel
_TO_STEREO = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "BC": (0.5, 0.5),  # a surround at -3 dB, split equally in power between both sides
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
    "WL": (1.0, 0.0),
    "WR": (0.0, 1.0),
}

# number of channels -> their order in WAV, FLAC and FFmpeg, for files that do not name their speakers
_DEFAULT_LAYOUTS = {
    len(names): names
    for names in (
        ("FL", "FR", "FC"),
        ("FL", "FR", "BL", "BR"),
        ("FL", "FR", "FC", "BL", "BR"),
        ("FL", "FR", "FC", "LFE", "BL", "BR"),
        ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
        ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
    )
}


def remix(block: NDArray[np.float32], channels: int, layout: Sequence[str] | None = None) -> NDArray[np.float32]:
    """Change the number of channels.

    Mono is duplicated; stereo is averaged to mono. In a downmix of more channels, the left and right front channels
    keep their level, the centre and the surround channels are attenuated by 3 dB, and the LFE channel is dropped. The
    sum is not normalised, so it may exceed full scale.

    Args:
        block: Samples, ``(channels, samples)``.
        channels: Number of channels to return: the same number, 2 or 1.
        layout: The speaker of each channel by FFmpeg's names (``FL``, ``FC``, ``LFE``, ...); by default the
            order that WAV uses for this number of channels.

    Returns:
        Samples, ``(channels, samples)``; the block itself if the number of channels does not change.

    Raises:
        AudioError: The speaker layout is unknown.
        ConfigError: The channels cannot be mixed to that many.
    """
    if block.shape[0] == channels:
        return block
    return mixing_matrix(block.shape[0], channels, layout) @ block


def mixing_matrix(native: int, channels: int, layout: Sequence[str] | None = None) -> NDArray[np.float32]:
    """Return the matrix that :func:`remix` applies, float32 ``(channels, native)``.

    Args:
        native: Number of channels before remixing.
        channels: Number of channels after remixing: ``native``, 2 or 1.
        layout: As for :func:`remix`.

    Raises:
        AudioError: The speaker layout is unknown.
        ConfigError: The channels cannot be mixed to that many.
    """
    if channels == native:
        return np.eye(native, dtype=np.float32)
    if channels not in (1, 2):
        raise ConfigError(f"channels: {native} channels can be mixed to 2 or 1, not to {channels}")
    if native == 1:
        return np.ones((channels, 1), np.float32)
    if native == 2:
        return np.full((1, 2), 0.5, np.float32)
    if layout is None or not _TO_STEREO.keys() >= set(layout):
        layout = _DEFAULT_LAYOUTS.get(native)
    if layout is None:
        raise AudioError(f"the speaker layout of its {native} channels is unknown; mix it to stereo first")
    stereo = np.array([_TO_STEREO[speaker] for speaker in layout], np.float32).T
    return stereo if channels == 2 else stereo.mean(axis=0, keepdims=True)
