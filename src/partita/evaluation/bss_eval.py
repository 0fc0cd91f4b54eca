"""BSSEval v4: what of an estimate's error is filtering, interference and artefacts, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from partita.evaluation.projection import FilterBank, block_step, correlate, distortion_filters, lags
from partita.evaluation.sdr import SILENCE
from partita.evaluation.stems import ROLES, Signals, StemPair, frame_bounds
from partita.system.cores import usable_cores

__all__ = ["BssEval", "bss_eval"]

Array = npt.NDArray[np.float64]
T = TypeVar("T")

_BLOCKS = 8  # FFT blocks in a piece of work: some MiB, enough for the matrix products to be efficient


@dataclass(frozen=True, eq=False)
class BssEval:
    """Scores of one track, each ``(sources, frames)`` in dB; NaN where there is none.

    Attributes:
        sdr: Signal to distortion: all that differs from the reference.
        isr: Image to spatial distortion: what a filter of the reference itself explains.
        sir: Signal to interference: what filters of the other references explain.
        sar: Signal to artefacts: what no reference explains.
        silent: Indices of the references that are silent throughout and so were left out.
    """

    sdr: Array
    isr: Array
    sir: Array
    sar: Array
    silent: tuple[int, ...]


def bss_eval(
    references: Signals | npt.ArrayLike,
    estimates: Signals | npt.ArrayLike,
    window: int = 44100,
    hop: int = 44100,
    *,
    taps: int = 512,
    museval_silence: bool = False,
    threads: int | None = None,
) -> BssEval:
    """Score the stems of one track by BSSEval v4, as museval 0.4 does (images; filters of the whole track).

    Least squares split every estimate into its reference, what a filter adds to that, what filters of the other
    references add, and the rest; filters go between all channels and are those of the whole track. The scores are
    ratios of the energies of these parts within frames. What follows the last whole frame counts for the filters
    only; a track shorter than the window is one frame.

    **Silence** is a mean square of at most -100 dB, so that the noise of a lossy format does not count as sound. A
    source has no score in a frame where its reference is silent; the others have theirs. A reference silent
    throughout is left out, as though the track did not have it. An estimate silent where its reference is not is
    scored like any other: SDR 0. museval scores no source in a frame where any reference or estimate is silent, which
    for it means 0 in every sample, and refuses a track where one is silent throughout; published figures are of that
    kind, and ``museval_silence`` gives them.

    **Rounding.** Scores are museval's to 1e-6 dB where the filters are well determined, as by stems of 16 bits, those
    of published figures. References with nothing at all in some band (a lossy format decoded to float), or that
    depend on each other, leave filters undetermined: museval's ISR, SIR and SAR then change by 1e-3 dB and more with
    the order of the sources alone, and agree with these within that. Round such stems to 16 bits.

    Memory does not grow with the track: some seconds at a time are converted to float64, and the stems themselves
    may stay on disk (``numpy.memmap``, or any :class:`Signals`).

    Args:
        references: The true stems, ``(sources, channels, samples)``.
        estimates: The same shape, sources in the same order.
        window: Length of a frame in samples.
        hop: Samples from the start of one frame to the next.
        taps: Length of the filters in samples.
        museval_silence: Treat silence as museval does; what sums to 0 over its channels counts as silent there.
        threads: As many as there are usable cores where None; the linear algebra takes one.

    Raises:
        ValueError: The shapes differ, are not of three dimensions or hold nothing; a sample is not finite; the
            window, hop or taps are less than 1; or ``museval_silence`` and a source is silent throughout.
    """
    from threadpoolctl import threadpool_limits  # here: like scipy, it comes with the extra `evaluate`

    track = StemPair(references, estimates)
    frames = frame_bounds(track.samples, window, hop)
    if taps < 1:
        raise ValueError("taps: must be at least 1 sample")

    measure, floor = (_sounding_samples, 0.0) if museval_silence else (_energies, SILENCE)
    correlations, sound = _correlate(track, taps, measure, threads)
    sounding = sound > floor * track.channels * track.samples
    if museval_silence and not sounding.all():
        role, source = np.argwhere(~sounding)[0]
        raise ValueError(f"{ROLES[role]}: source {source} is silent throughout, which museval does not score")
    scores = np.full((4, track.sources, len(frames)), np.nan)
    heard = np.flatnonzero(sounding[0])
    if heard.size:
        with threadpool_limits(1, user_api="blas"):  # more wait for each other, for minutes where cores are shared
            bank = _filter_bank(correlations, track, heard)
        energies, sound = _measure(track, frames, bank, heard, measure, threads)
        sounding_frames = sound > floor * track.channels * (frames[0][1] - frames[0][0])
        scores[:, heard] = _decibels(energies[:, 0], energies[:, 1])
        if museval_silence:
            scores[..., ~sounding_frames.all((0, 1))] = np.nan
        else:
            scores[:, ~sounding_frames[0]] = np.nan
    sdr, isr, sir, sar = scores
    return BssEval(sdr, isr, sir, sar, silent=tuple(np.flatnonzero(~sounding[0]).tolist()))


def _energies(piece: Array) -> Array:
    return np.asarray(np.einsum("...ct,...ct->...", piece, piece))


def _sounding_samples(piece: Array) -> Array:
    return np.asarray((piece.sum(-2) != 0).sum(-1), np.float64)


def _correlate(
    track: StemPair, taps: int, measure: Callable[[Array], Array], threads: int | None
) -> tuple[Array, Array]:
    """Return the correlations of the reference channels with all channels, and the sound of all ``(2, sources)``."""
    step = block_step(taps)
    size = min(_BLOCKS, -(-track.samples // step)) * step

    def correlate_piece(piece: Array) -> tuple[npt.NDArray[np.complex128], Array]:
        signals = piece.reshape(-1, piece.shape[-1])
        return correlate(signals[: len(signals) // 2, :size], signals, taps), measure(piece[..., :size])

    whole = (0, track.samples)
    pieces = ((track.read(at, at + size + taps - 1, whole),) for at in range(0, track.samples, size))
    results = _in_threads(correlate_piece, pieces, threads)
    spectra, sound = next(results)
    for spectrum, found in results:
        spectra += spectrum
        sound += found
    return lags(spectra, taps), sound


def _filter_bank(correlations: Array, track: StemPair, heard: npt.NDArray[np.intp]) -> FilterBank:
    """Return the filters from the channels of the heard references to their two projections.

    Outputs are, for each heard source and channel, what all references explain of the estimate, then, for each
    again, what its own reference explains.
    """
    count, channels, taps = heard.size, track.channels, correlations.shape[-1]
    mine = (heard[:, None] * channels + np.arange(channels)).ravel()
    between = correlations[np.ix_(mine, mine)]
    across = correlations[np.ix_(mine, mine + track.sources * channels)]
    filters = np.zeros((2, count * channels, count * channels, taps))
    filters[0] = distortion_filters(between, across)
    for source in range(count):
        own = slice(source * channels, (source + 1) * channels)
        filters[1, own, own] = distortion_filters(between[own, own], across[own, own])
    return FilterBank(filters.reshape(-1, count * channels, taps))


def _measure(
    track: StemPair,
    frames: list[tuple[int, int]],
    bank: FilterBank,
    heard: npt.NDArray[np.intp],
    measure: Callable[[Array], Array],
    threads: int | None,
) -> tuple[Array, Array]:
    """Return the energies that the scores compare, and the sound of all in every frame.

    Returns:
        ``(scores, 2, heard, frames)``, above and below the line, and ``(2, sources, frames)``.
    """
    past, step = bank.taps - 1, block_step(bank.taps)

    def pieces() -> Iterator[tuple[int, Array]]:
        for frame, (first, end) in enumerate(frames):
            for at in range(first, end + past, _BLOCKS * step):  # a frame begins from rest, and its echo counts
                blocks = min(_BLOCKS, -(-(end + past - at) // step))
                yield frame, track.read(at - past, at + blocks * step, (first, end))

    def measure_piece(frame: int, piece: Array) -> tuple[int, Array, Array]:
        now = piece[..., past:]
        reference, estimate = now[:, heard]
        projections = bank(piece[0, heard].reshape(-1, piece.shape[-1]))
        explained, filtered = projections.reshape(2, *reference.shape)
        ratios = (
            (reference, estimate - reference),
            (reference, filtered - reference),
            (filtered, explained - filtered),
            (explained, estimate - explained),
        )
        return frame, np.array([[_energy(above), _energy(below)] for above, below in ratios]), measure(now)

    energies = np.zeros((4, 2, heard.size, len(frames)))
    sound = np.zeros((2, track.sources, len(frames)))
    for frame, energy, found in _in_threads(measure_piece, pieces(), threads):
        energies[..., frame] += energy
        sound[..., frame] += found
    return energies, sound


def _energy(signals: Array) -> Array:
    energy: Array = np.einsum("sct,sct->s", signals, signals)
    return energy


def _decibels(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing wrong: inf; nothing at all: NaN
        ratio: Array = 10 * np.log10(above / below)
    return ratio


def _in_threads(function: Callable[..., T], calls: Iterable[tuple[Any, ...]], threads: int | None) -> Iterator[T]:
    """Yield what a function returns for each call's arguments, in order; few of them are in memory at once."""
    if threads is None:
        threads = usable_cores()
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[T]] = deque()
        for arguments in calls:
            pending.append(pool.submit(function, *arguments))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
