"""What a run starts from: its folder, its model and its songs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from partita.data import find_songs
from partita.data.cache import CachedSong, cache_songs
from partita.errors import ConfigError
from partita.models import build
from partita.models.base import WaveformModel
from partita.training.config import TrainingConfig
from partita.training.folder import has_checkpoint
from partita.zoo import find_package

__all__ = [
    "check_folder",
    "check_songs",
    "is_first_process",
    "load_songs",
    "start_model",
]

_log = logging.getLogger("partita")


def is_first_process() -> bool:
    """Return whether this process logs and writes for the run, as told by the environment it was started in."""
    return not getattr(rank_zero_only, "rank", 0)


def check_folder(out: Path, *, resume: bool) -> None:
    """Check that a run can start, or resume, in a folder.

    Raises:
        ConfigError: There is a run in ``out`` and ``resume`` is not set, or none to resume.
    """
    if not is_first_process():  # it starts after the first process has written its files
        return
    if resume and not has_checkpoint(out):
        raise ConfigError(f"{out}: no checkpoint to resume from; start without --resume")
    if not resume and has_checkpoint(out):
        raise ConfigError(f"{out}: already holds a run; add --resume to continue it, or choose another folder")


def check_songs(config: TrainingConfig, weights: Sequence[float], valid: Sequence[CachedSong]) -> None:
    """Check that a configuration suits the songs.

    Raises:
        ConfigError: A field needs validation songs and there are none, or excludes weights.
    """
    if not valid and (config.optim.schedule == "plateau" or config.optim.early_stop):
        field = "optim.schedule = 'plateau'" if config.optim.schedule == "plateau" else "optim.early_stop"
        raise ConfigError(f"{field} needs validation songs: pass --valid")
    if config.data.stride is not None and len(set(weights)) > 1:
        raise ConfigError("data.stride shows every window once per pass: remove it, or the weights of the folders")


def start_model(config: TrainingConfig, *, resume: bool = False) -> tuple[WaveformModel, str | None]:
    """Return the model a run starts with, and the sha256 of the weights file it was loaded from.

    The model is fresh (None for the sha256) unless ``model.init`` names a package.

    Args:
        config: Configuration of the run.
        resume: Leave the weights to the checkpoint; the package may no longer exist.

    Raises:
        ConfigError: The package holds another model than the configuration.
        ModelError: There is no such package, or it is damaged.
    """
    L.seed_everything(config.run.seed, verbose=False)
    architecture, init = config.model.architecture, config.model.init
    model = build(architecture, **config.model.configuration)
    if init is None or resume:
        return model, None
    package = find_package(init)
    start = package.load_torch()
    if start.architecture != architecture:
        raise ConfigError(
            f"model.init: {init} is a {start.architecture}, but model.architecture is {architecture}; change either"
        )
    for field, value in model.configuration.items():
        if start.configuration[field] != value:
            raise ConfigError(
                f"model.init: {field} of {init} is {start.configuration[field]}, but of this run {value}; "
                f"set model.configuration.{field}"
            )
    return start.train(), package.card.weights_sha256


def load_songs(
    roots: Iterable[Path], model: WaveformModel, cache: Path, *, limit: int | None = None
) -> list[CachedSong]:
    """Decode the songs of folders for a model; songs that cannot be read are logged and left out.

    Args:
        roots: Folders of songs.
        model: Gives the sources, channels and sample rate.
        cache: Folder of decoded songs.
        limit: Decode at most this many songs.

    Raises:
        AudioError: None of the songs can be read.
    """
    found = find_songs(roots, model.sources)[:limit]
    if not found:
        return []
    songs, problems = cache_songs(found, model.sources, model.audio_channels, model.sample_rate, cache)
    for problem in problems:
        _log.warning("left out: %s", problem)
    return songs
