"""Evaluation: how close estimated stems are to the true ones.

:func:`bss_eval`, :func:`sdr`, :func:`si_sdr` and :func:`energy_at_silence` score arrays. :func:`evaluate_folders`
scores songs on disk, and :func:`evaluate` does so for an :class:`Estimator` of your own. :func:`compare` compares two
runs, and :func:`partita.evaluation.report.write_report` writes runs as an HTML page.

Scoring needs the extra ``evaluate``; importing this room does not.
"""

from __future__ import annotations

from partita.evaluation.aggregate import Summary, song_medians, summarise
from partita.evaluation.bss_eval import BssEval, bss_eval
from partita.evaluation.compare import Comparison, Difference, compare
from partita.evaluation.estimates import (
    Estimator,
    FolderEstimates,
    ModelEstimates,
    OracleEstimates,
    estimator_for,
)
from partita.evaluation.folders import evaluate_folders
from partita.evaluation.oracles import ORACLES, Oracle
from partita.evaluation.results import (
    METRICS,
    Excerpt,
    Run,
    SongScores,
    load_runs,
    save_runs,
    with_distinct_names,
)
from partita.evaluation.run import EvaluationProgress, Scoring, evaluate, sources_of
from partita.evaluation.sdr import sdr, si_sdr
from partita.evaluation.silence import energy_at_silence
from partita.evaluation.stems import Samples, Signals
from partita.evaluation.tracks import ReferenceTrack, SumOfStems

__all__ = [
    "METRICS",
    "ORACLES",
    "BssEval",
    "Comparison",
    "Difference",
    "Estimator",
    "EvaluationProgress",
    "Excerpt",
    "FolderEstimates",
    "ModelEstimates",
    "Oracle",
    "OracleEstimates",
    "ReferenceTrack",
    "Run",
    "Samples",
    "Scoring",
    "Signals",
    "SongScores",
    "SumOfStems",
    "Summary",
    "bss_eval",
    "compare",
    "energy_at_silence",
    "estimator_for",
    "evaluate",
    "evaluate_folders",
    "load_runs",
    "save_runs",
    "sdr",
    "si_sdr",
    "song_medians",
    "sources_of",
    "summarise",
    "with_distinct_names",
]
