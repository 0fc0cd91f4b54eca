"""The Separator: a mixture in, stems out, block by block."""

from __future__ import annotations

import time
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from partita.audio import Resampler, resample_blocks
from partita.errors import Cancelled, ConfigError
from partita.separation.backends import open_backend
from partita.separation.blocks import Block, CancelToken, Progress, Stems
from partita.separation.mixture import Mixture, Statistics, open_mixture
from partita.separation.windows import DEFAULT_OVERLAP, WindowPlan, overlap_add, plan_windows
from partita.zoo import Package, find_package

__all__ = ["Separator"]

Array = npt.NDArray[np.float32]

_LARGEST_SHIFT = 0.5  # seconds, as in the paper


class Separator:
    """A loaded model that separates any number of tracks.

    Args:
        model: Name of a model, or the folder of a package.
        backend: ``onnx`` or ``torch``.
        segment: Length of a window in seconds; the model's own by default.
        overlap: Share of a window that the next covers too, in [0, 1).
        shifts: Average so many passes over the track, each delayed a little more, up to half a second;
            0 and 1 are a single pass. The delays are fixed: the same input gives the same stems.
        device: ``cpu``, ``cuda``, ...; the fastest there is by default.
        batch_size: Windows that are run at once.

    Attributes:
        card: The model's card.
        device: Where it runs.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
        ConfigError: An option makes no sense.
    """

    def __init__(
        self,
        model: str | PathLike[str] | Package = "default",
        *,
        backend: str = "onnx",
        segment: float | None = None,
        overlap: float = DEFAULT_OVERLAP,
        shifts: int = 0,
        device: str | None = None,
        batch_size: int = 4,
    ) -> None:
        package = model if isinstance(model, Package) else find_package(_as_name(model))
        self.card = package.card
        if shifts < 0:
            raise ConfigError(f"shifts: must not be negative, not {shifts}")
        if batch_size < 1:
            raise ConfigError(f"batch_size: must be at least 1, not {batch_size}")
        self._segment = round((self.card.segment if segment is None else segment) * self.card.sample_rate)
        self._overlap = overlap
        largest = round(_LARGEST_SHIFT * self.card.sample_rate)
        self._offsets = tuple(index * largest // max(1, shifts) for index in range(max(1, shifts)))
        self._batch_size = batch_size
        self._plan(0)  # so that nonsense is refused here
        self._backend = open_backend(backend, package, device)
        self.device = self._backend.device

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, in the order of a block's."""
        return self.card.sources

    def separate(
        self,
        source: str | PathLike[str] | npt.ArrayLike,
        sample_rate: int | None = None,
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Stems:
        """Separate a whole track in memory.

        Args:
            source: A file, or samples ``(channels, samples)`` or ``(samples,)``.
            sample_rate: Of samples given as an array, in Hz; the model's own by default.
            progress: Called with the fraction done and the seconds left (None while unknown).
            cancel: Asked between blocks whether to stop.

        Returns:
            The stems at the source's sample rate and of its length.

        Raises:
            AudioError: The source cannot be read as audio.
            Cancelled: ``cancel`` was set.
        """
        mixture = self.open(source, sample_rate)
        stems = np.zeros((len(self.sources), self.card.audio_channels, mixture.samples), np.float32)
        for block in self.stream(mixture, progress=progress, cancel=cancel):
            stems[..., block.start : block.start + block.stems.shape[-1]] = block.stems
        return Stems(dict(zip(self.sources, stems, strict=True)), mixture.sample_rate)

    def separate_file(
        self,
        path: str | PathLike[str],
        out_dir: str | PathLike[str],
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        **options: Any,
    ) -> dict[str, Path]:
        """Separate a file into files, ``OUT_DIR/MODEL/TRACK/STEM.wav`` unless told otherwise.

        No file appears under its name before all are whole.

        Args:
            path: Any audio or video file.
            out_dir: Where to write.
            progress: As of :meth:`separate`.
            cancel: As of :meth:`separate`.
            **options: Fields of :class:`OutputOptions`.

        Returns:
            The files written, by stem.

        Raises:
            AudioError: The input cannot be read as audio.
            OutputError: An output cannot be written.
            ConfigError: An option makes no sense.
            Cancelled: ``cancel`` was set.
        """
        from partita.separation.files import OutputOptions, plan_jobs, run_job

        wanted = OutputOptions(**options)
        (job,) = plan_jobs([(Path(path), Path(Path(path).name))], Path(out_dir), self.card.name, self.sources, wanted)
        return run_job(self, job, wanted, progress=progress, cancel=cancel).outputs

    def stream(
        self,
        source: str | PathLike[str] | npt.ArrayLike | Mixture,
        sample_rate: int | None = None,
        *,
        output_rate: int | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[Block]:
        """Separate a track in consecutive blocks without gaps, in memory that does not grow with it.

        The source is read twice: once for the mean and deviation of the whole mixture, by which it is
        normalised, and once to be separated.

        Args:
            source: As of :meth:`separate`, or what :meth:`open` returns.
            sample_rate: As of :meth:`separate`.
            output_rate: Sample rate of the blocks in Hz; the source's by default.
            progress: As of :meth:`separate`.
            cancel: As of :meth:`separate`.

        Raises:
            AudioError: The source cannot be read as audio.
            Cancelled: ``cancel`` was set.
        """
        mixture = source if isinstance(source, Mixture) else self.open(source, sample_rate)
        out_rate = output_rate or mixture.sample_rate
        total = mixture.length_at(out_rate)
        clock = _Clock(total, progress, cancel)
        clock.tick(0)

        kept = _Fifo(Resampler(mixture.sample_rate, out_rate, self.card.audio_channels))
        stems = self._separated(kept.fed_by(mixture.blocks()), mixture.sample_rate, mixture.statistics)
        shape = (len(self.sources), self.card.audio_channels)
        lanes = (block.reshape(-1, block.shape[-1]) for block in stems)
        position = 0
        for lane in resample_blocks(lanes, self.card.sample_rate, out_rate, shape[0] * shape[1]):
            lane = lane[:, : total - position]
            if lane.shape[1]:
                yield Block(position, lane.reshape(*shape, -1), kept.take(lane.shape[1]))
                position += lane.shape[1]
                clock.tick(position)
        if position < total:  # a resampler may stop a sample short
            missing = total - position
            yield Block(position, np.zeros((*shape, missing), np.float32), kept.take(missing))
            clock.tick(total)

    def open(self, source: str | PathLike[str] | npt.ArrayLike, sample_rate: int | None = None) -> Mixture:
        """Open a source as of :meth:`separate` without separating it.

        Raises:
            AudioError: The source cannot be read as audio.
        """
        return open_mixture(source, sample_rate, self.card.audio_channels, self.card.sample_rate)

    def _plan(self, samples: int) -> WindowPlan:
        return plan_windows(
            samples,
            segment=self._segment,
            overlap=self._overlap,
            geometry=self.card.geometry,
            offsets=self._offsets,
        )

    def _separated(self, blocks: Iterator[Array], rate: int, statistics: Statistics) -> Iterator[Array]:
        """Yield the stems at the model's sample rate, in the levels of the mixture."""
        mixture = resample_blocks(blocks, rate, self.card.sample_rate, self.card.audio_channels)
        if statistics.silent:
            shape = (len(self.sources), self.card.audio_channels)
            for block in mixture:
                yield np.zeros((*shape, block.shape[1]), np.float32)
            return
        mean, deviation = np.float32(statistics.mean), np.float32(statistics.deviation)
        normalised = ((block - mean) / deviation for block in mixture)
        plan = self._plan(statistics.samples)
        for stems in overlap_add(normalised, plan, self._backend.run, batch_size=self._batch_size):
            stems *= deviation  # a constant offset of the mixture belongs to no source
            yield stems


def _as_name(model: str | PathLike[str]) -> str | Path:
    return model if isinstance(model, str) else Path(model)


class _Fifo:
    """The mixture between the moment it is read and the moment its stems come out."""

    def __init__(self, resampler: Resampler) -> None:
        self._resampler = resampler
        self._blocks: list[Array] = []
        self._feed: Iterator[Array] = iter(())

    def fed_by(self, blocks: Iterator[Array]) -> Iterator[Array]:
        """Pass blocks through, keeping them at the output's sample rate."""

        def feed() -> Iterator[Array]:
            for block in blocks:
                self._blocks.append(self._resampler.push(block))
                yield block
            self._blocks.append(self._resampler.flush())

        self._feed = feed()
        return self._feed

    def take(self, samples: int) -> Array:
        """Return the next samples, ``(channels, samples)``."""
        if sum(block.shape[1] for block in self._blocks) < samples:
            for _ in self._feed:  # the model has had its last sample, the rest is the resampler's
                pass
        joined = np.concatenate(self._blocks, axis=1)
        self._blocks = [joined[:, samples:]]
        short = max(0, samples - joined.shape[1])  # a resampler may stop a sample short
        return np.pad(joined[:, :samples], ((0, 0), (0, short)))


class _Clock:
    """Tells the caller how far the work is, and stops it when asked to."""

    def __init__(self, total: int, progress: Progress | None, cancel: CancelToken | None) -> None:
        self._total = total
        self._progress = progress
        self._cancel = cancel
        self._began = time.monotonic()

    def tick(self, done: int) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("stopped as asked")
        if self._progress is not None:
            fraction = done / self._total if self._total else 1.0
            elapsed = time.monotonic() - self._began
            self._progress(fraction, elapsed * (1 / fraction - 1) if fraction else None)
