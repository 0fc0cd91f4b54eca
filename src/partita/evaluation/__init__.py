"""How good stems are, measured against references."""

from __future__ import annotations

from partita.evaluation.aggregate import Summary, song_medians, summarise
from partita.evaluation.bss_eval import BssEval, bss_eval
from partita.evaluation.sdr import sdr, si_sdr
from partita.evaluation.silence import energy_at_silence
from partita.evaluation.stems import Signals

__all__ = [
    "BssEval",
    "Signals",
    "Summary",
    "bss_eval",
    "energy_at_silence",
    "sdr",
    "si_sdr",
    "song_medians",
    "summarise",
]
