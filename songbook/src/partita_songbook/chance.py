"""Weighted random choice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["draw"]


def draw(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Draw a key with a probability proportional to its weight."""
    values = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=values / values.sum()))
