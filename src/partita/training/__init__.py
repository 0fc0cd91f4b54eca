"""Training: from a configuration and folders of songs to a model package.

::

    from pathlib import Path
    from partita.training import find_config, train

    config = find_config("demucs-small", ["optim.steps=500"])
    package = train(config, data={Path("songs"): 1.0}, valid=[Path("songs-valid")], out=Path("runs/mine"))

Names are imported on first use, so that reading a configuration does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from partita.system.lazy import lazy_names

if TYPE_CHECKING:
    from partita.training.config import (
        AugmentSection,
        DataSection,
        ModelSection,
        OptimSection,
        RunSection,
        TrainerSection,
        TrainingConfig,
        dump_config,
        load_config,
        parse_config,
    )
    from partita.training.folder import has_checkpoint
    from partita.training.packaging import package_checkpoint
    from partita.training.presets import find_config, list_presets
    from partita.training.process import train_in_process
    from partita.training.run import train
    from partita.training.trial import Trial, try_run
    from partita.training.validation import SongScore, score_song

__all__ = [
    "AugmentSection",
    "DataSection",
    "ModelSection",
    "OptimSection",
    "RunSection",
    "SongScore",
    "TrainerSection",
    "TrainingConfig",
    "Trial",
    "dump_config",
    "find_config",
    "has_checkpoint",
    "list_presets",
    "load_config",
    "package_checkpoint",
    "parse_config",
    "score_song",
    "train",
    "train_in_process",
    "try_run",
]

_HOMES = {
    "AugmentSection": "config",
    "DataSection": "config",
    "ModelSection": "config",
    "OptimSection": "config",
    "RunSection": "config",
    "SongScore": "validation",
    "TrainerSection": "config",
    "TrainingConfig": "config",
    "Trial": "trial",
    "dump_config": "config",
    "find_config": "presets",
    "has_checkpoint": "folder",
    "list_presets": "presets",
    "load_config": "config",
    "package_checkpoint": "packaging",
    "parse_config": "config",
    "score_song": "validation",
    "train": "run",
    "train_in_process": "process",
    "try_run": "trial",
}


__getattr__ = lazy_names(__name__, {name: f"{__name__}.{module}" for name, module in _HOMES.items()})


def __dir__() -> list[str]:
    return __all__
