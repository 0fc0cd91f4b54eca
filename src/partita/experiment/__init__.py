"""Experiments: comparisons of systems, from training over scoring to a table next to the paper's figures.

Names are imported on first use, because reading a plan needs the extra ``train``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from partita.system.lazy import lazy_names

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


__getattr__ = lazy_names(__name__, {name: f"{__name__}.{module}" for name, module in _HOMES.items()})


def __dir__() -> list[str]:
    return __all__
