"""How good stems are, measured against references."""

from __future__ import annotations

from partita.evaluation.sdr import sdr

__all__ = ["sdr"]
