"""Separation: mixtures into stems, block by block."""

from __future__ import annotations

from partita.separation.files import OutputOptions, find_inputs, plan_jobs, run_job
from partita.separation.separator import Block, Separator, Stems

__all__ = ["Block", "OutputOptions", "Separator", "Stems", "find_inputs", "plan_jobs", "run_job"]
