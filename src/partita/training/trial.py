"""A dry run: everything once, to find errors early and to estimate memory and time."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from partita.data import Song, find_songs, song_seconds
from partita.data.cache import CachedSong
from partita.errors import AudioError
from partita.training.config import TrainingConfig
from partita.training.loaders import schedule
from partita.training.run import train_on
from partita.training.start import load_songs, start_model

__all__ = ["Trial", "try_run"]

_SONGS = 4  # songs to train on
_VALIDATED = 30.0  # seconds of the song to validate on


@dataclass(frozen=True)
class Trial:
    """The resources that a run needs.

    Attributes:
        memory: Peak resident memory of the process in bytes, None if the system does not report it.
        device_memory: Peak memory on the CUDA device in bytes, None without one.
        step: Seconds per step.
        speed: Seconds of audio trained on per second.
        steps: Steps of the whole run.
        hours: Hours of the whole run, validations included.
        package: Size of the exported package in bytes.
    """

    memory: int | None
    device_memory: int | None
    step: float
    speed: float
    steps: int
    hours: float
    package: int


def try_run(config: TrainingConfig, *, data: Mapping[Path, float], valid: Iterable[Path] = ()) -> Trial:
    """Take two steps of a run, validate once, write a checkpoint and export a package, all in a temporary folder.

    Args:
        config: Configuration of the run.
        data: As of :func:`partita.training.train`; up to four of the songs are decoded.
        valid: As of :func:`partita.training.train`; 30 seconds of one song are validated on.

    Raises:
        PartitaError: Any error that the run would end with.
    """
    valid = list(valid)
    model, init_sha256 = start_model(config)
    seconds = [_seconds(song) for song in find_songs(data, model.sources)]
    plan = schedule(config, model, [round(length * model.sample_rate) for length in seconds])
    short = config.model_copy(
        update={
            "data": config.data.model_copy(update={"stride": None, "repeat": 1}),
            "optim": config.optim.model_copy(update={"steps": 2, "epochs": None}),
            "run": config.run.model_copy(update={"validate_every": 2}),
        }
    )
    with tempfile.TemporaryDirectory(prefix="partita-check-") as name:
        folder = Path(name)
        songs = load_songs(data, model, folder / "cache", limit=_SONGS)
        heard = load_songs(valid, model, folder / "cache", limit=1)
        heard = [_beginning(song, folder / "valid.pcm") for song in heard]
        watch = _Stopwatch()
        package = train_on(
            short,
            model,
            songs,
            weights=[1.0] * len(songs),
            valid=heard,
            out=folder / "run",
            init_sha256=init_sha256,
            callbacks=[watch],
        )
        size = package.size
    total = plan.steps * watch.step
    if heard:
        each = watch.validation / (heard[0].samples / model.sample_rate)
        validations = math.ceil(plan.steps / plan.validate_every)
        total += validations * each * sum(_seconds(song) for song in find_songs(valid, model.sources))
    return Trial(
        memory=_peak_memory(),
        device_memory=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        step=watch.step,
        speed=config.data.batch_size * config.data.segment / watch.step,
        steps=plan.steps,
        hours=total / 3600,
        package=size,
    )


class _Stopwatch(Callback):
    """Measures the latest step and the latest validation, in seconds."""

    step = validation = 0.0

    def __init__(self) -> None:
        self._ended = self._began = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self.step, self._ended = time.monotonic() - self._ended, time.monotonic()

    def on_validation_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._began = time.monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.validation = time.monotonic() - self._began


def _beginning(song: CachedSong, path: Path) -> CachedSong:
    """Write the beginning of a song to ``path`` and return it."""
    stems = song.stems[..., : round(_VALIDATED * song.sample_rate)]
    stems.tofile(path)
    return replace(song, path=path, shape=stems.shape)


def _seconds(song: Song) -> float:
    """Return the length of a song, 0 if it cannot be read: the run leaves it out."""
    try:
        return song_seconds(song)
    except AudioError:
        return 0.0


def _peak_memory() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
