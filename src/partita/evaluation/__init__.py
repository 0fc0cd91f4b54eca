"""How good stems are, measured against references.

Scores of arrays are here. :mod:`partita.evaluation.run` scores songs on disk, :mod:`partita.evaluation.report` writes
what they are into a page of HTML.
"""

from __future__ import annotations

from partita.evaluation.aggregate import Summary, song_medians, summarise
from partita.evaluation.bss_eval import BssEval, bss_eval
from partita.evaluation.compare import Comparison, compare
from partita.evaluation.results import Run, SongScores, load_runs, save_runs
from partita.evaluation.sdr import sdr, si_sdr
from partita.evaluation.silence import energy_at_silence
from partita.evaluation.stems import Signals

__all__ = [
    "BssEval",
    "Comparison",
    "Run",
    "Signals",
    "SongScores",
    "Summary",
    "bss_eval",
    "compare",
    "energy_at_silence",
    "load_runs",
    "save_runs",
    "sdr",
    "si_sdr",
    "song_medians",
    "summarise",
]
