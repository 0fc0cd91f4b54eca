"""Separation: mixtures into stems, block by block."""

from __future__ import annotations

from partita.options import BackendName, Bits, Format
from partita.separation.blocks import Block, CancelToken, Progress, Stems, sources_of
from partita.separation.jobs import (
    Job,
    OutputFields,
    OutputOptions,
    Result,
    find_inputs,
    plan_jobs,
    without_earlier_outputs,
)
from partita.separation.mixture import Mixture, Statistics
from partita.separation.options import SeparatorFields, SeparatorOptions
from partita.separation.separator import Separator, UnfinishedJob

__all__ = [
    "BackendName",
    "Bits",
    "Block",
    "CancelToken",
    "Format",
    "Job",
    "Mixture",
    "OutputFields",
    "OutputOptions",
    "Progress",
    "Result",
    "Separator",
    "SeparatorFields",
    "SeparatorOptions",
    "Statistics",
    "Stems",
    "UnfinishedJob",
    "find_inputs",
    "plan_jobs",
    "sources_of",
    "without_earlier_outputs",
]
