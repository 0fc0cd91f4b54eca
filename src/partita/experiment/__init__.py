"""Experiments: comparisons of systems, from training over scoring to a table next to the paper's figures.

Names are imported on first use, because reading a plan needs the extra ``train``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from partita.experiment.plan import Evaluation, Experiment, System, load_experiment
    from partita.experiment.run import load_scores, run_experiment
    from partita.experiment.table import as_markdown, table_of

__all__ = [
    "Evaluation",
    "Experiment",
    "System",
    "as_markdown",
    "load_experiment",
    "load_scores",
    "run_experiment",
    "table_of",
]

_HOMES = {
    "Evaluation": "plan",
    "Experiment": "plan",
    "System": "plan",
    "as_markdown": "table",
    "load_experiment": "plan",
    "load_scores": "run",
    "run_experiment": "run",
    "table_of": "table",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"partita.experiment.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'partita.experiment' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
