"""Levels: decibels, and when a signal counts as silent."""

from __future__ import annotations

import math

__all__ = ["SILENCE", "decibels", "is_silent"]

# Mean square at or below which a signal counts as silent: -95 dB of full scale. A digitally silent stem written with
# 16-bit TPDF dither has -96.3 dB; the quietest music on a record is louder.
SILENCE = 10**-9.5


def is_silent(mean_square: float) -> bool:
    """Return whether a signal of this mean square (full scale is 1) counts as silent."""
    return mean_square <= SILENCE


def decibels(amplitude: float) -> float:
    """Return an amplitude ratio in dB, ``-inf`` for 0."""
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
