"""Separation: mixtures into stems, block by block."""

from __future__ import annotations

from partita.separation.blocks import Block, CancelToken, Progress, Stems
from partita.separation.files import OutputOptions, find_inputs, plan_jobs, run_job
from partita.separation.separator import Separator

__all__ = [
    "Block",
    "CancelToken",
    "OutputOptions",
    "Progress",
    "Separator",
    "Stems",
    "find_inputs",
    "plan_jobs",
    "run_job",
]
