"""A loaded model over whole tracks, and the weighted sum of several tracks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from functools import partial

import numpy as np
import numpy.typing as npt

from partita.audio.blocks import copies, regroup
from partita.separation.backends import open_backend
from partita.separation.mixture import Statistics
from partita.separation.options import SeparatorOptions
from partita.separation.runs import model_threads
from partita.separation.stages import separate_in_stages
from partita.separation.windows import WindowPlan, check_windows, overlap_add, plan_windows
from partita.system.cores import usable_cores
from partita.zoo import Package

__all__ = ["LoadedModel", "weighted_sum"]

Array = npt.NDArray[np.float32]

_LARGEST_SHIFT = 0.5  # seconds, as in the paper


class LoadedModel:
    """A model in a backend.

    Args:
        package: The model.
        options: How it is run.

    Raises:
        ModelError: It cannot be loaded.
        ConfigError: The segment is shorter than a sample.
    """

    def __init__(self, package: Package, options: SeparatorOptions) -> None:
        card = package.card
        self._geometry = card.geometry
        self._segment = round((card.segment if options.segment is None else options.segment) * card.sample_rate)
        self._overlap, shifts = options.preset
        check_windows(self._segment, self._overlap)
        largest = round(_LARGEST_SHIFT * card.sample_rate)
        self._offsets = tuple(index * largest // max(1, shifts) for index in range(max(1, shifts)))
        self._threads = options.threads or usable_cores()
        self._backend = open_backend(options.backend, package, options.device, threads=self._threads)
        self._batch_size = options.batch_size or self._backend.batch_size

    def separate(self, blocks: Iterable[Array], statistics: Statistics) -> Iterator[Array]:
        """Run the model over a track at its sample rate.

        Args:
            blocks: The mixture, consecutive blocks ``(any, channels)``.
            statistics: Of the mixture, by which it is normalised; a constant offset belongs to no source.

        Yields:
            Consecutive blocks ``(sources, channels, any)`` at the level of the mixture.

        Raises:
            ModelError: The model cannot be run, or its output is not finite.
        """
        with closing(self._run(blocks, statistics)) as stems:
            for block in stems:
                self._backend.check_finite(block)
                yield block

    def _run(self, blocks: Iterable[Array], statistics: Statistics) -> Generator[Array]:
        stages, offsets = self._backend.stages, self._offsets
        mean, deviation = np.float32(statistics.mean), np.float32(statistics.deviation)
        if stages is None:
            normalised = ((block - mean) / deviation for block in blocks)
            plan = self._plan(statistics.samples, offsets)
            with model_threads(1) as pool:
                run = partial(_in_thread, pool, self._backend.run)
                for stems in overlap_add(normalised, plan, run, batch_size=self._batch_size):
                    with np.errstate(over="ignore"):  # the caller checks it
                        stems = stems * deviation
                    yield stems
            return
        with model_threads(self._threads) as pool, ExitStack() as stack:
            tracks = [
                separate_in_stages(
                    copy,
                    self._plan(statistics.samples, (offset,)),
                    stages,
                    pool,
                    batch_size=max(1, self._batch_size // len(offsets)),
                    ahead=self._threads,
                    mean=float(mean),
                    deviation=float(deviation),
                )
                for offset, copy in zip(offsets, copies(blocks, len(offsets)), strict=True)
            ]
            for track in tracks:
                stack.enter_context(closing(track))
            yield from weighted_sum(tracks, np.full((len(tracks), 1), 1 / len(tracks)))

    def _plan(self, samples: int, offsets: tuple[int, ...]) -> WindowPlan:
        return plan_windows(
            samples, segment=self._segment, overlap=self._overlap, geometry=self._geometry, offsets=offsets
        )


def _in_thread(pool: Executor, run: Callable[[Array], Array], batch: Array) -> Array:
    return pool.submit(run, batch).result()


def weighted_sum(tracks: Sequence[Iterable[Array]], weights: npt.ArrayLike) -> Iterator[Array]:
    """Yield the weighted sum of tracks that are cut into blocks in different ways.

    Args:
        tracks: Consecutive blocks ``(sources, channels, any)`` each; a block of each is computed in turn.
        weights: ``(tracks, sources)`` or ``(tracks, 1)``.

    Yields:
        Consecutive blocks ``(sources, channels, any)``.
    """
    shares = np.asarray(weights, np.float32)[..., None, None]
    if len(tracks) == 1 and (shares == 1).all():
        yield from tracks[0]
        return
    shapes: list[tuple[int, ...]] = []

    def flat(blocks: Iterable[Array]) -> Iterator[Array]:
        for block in blocks:
            shapes[:] = [block.shape[:2]]
            yield block.reshape(-1, block.shape[-1])

    for blocks in zip(*(regroup(flat(track)) for track in tracks), strict=True):
        total = shares[0] * blocks[0].reshape(*shapes[0], -1)
        for share, block in zip(shares[1:], blocks[1:], strict=True):
            total += share * block.reshape(*shapes[0], -1)
        yield total
