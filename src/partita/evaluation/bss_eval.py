"""BSSEval v4: how much of an estimate's error is filtering, interference and artefacts, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from partita.audio.level import SILENCE
from partita.evaluation.projection import FilterBank, block_step, correlate, distortion_filters, lags
from partita.evaluation.stems import ROLES, Signals, StemPair, frame_bounds
from partita.system.cores import usable_cores
from partita.system.extras import needs_extra

__all__ = ["BssEval", "bss_eval"]

Array = npt.NDArray[np.float64]
T = TypeVar("T")

_BLOCKS = 8  # FFT blocks in a piece of work: a few MiB, enough for the matrix products to be efficient


@dataclass(frozen=True, eq=False)
class BssEval:
    """Scores of one track, each float64 ``(sources, frames)`` in dB, NaN where a source has no score.

    Attributes:
        sdr: Signal-to-distortion ratio: the whole error.
        isr: Image-to-spatial-distortion ratio: the part of the error explained by a filter of the reference.
        sir: Signal-to-interference ratio: the part explained by filters of the other references.
        sar: Signal-to-artefacts ratio: the part that no reference explains.
        silent: Indices of the references that are silent throughout and were left out.
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
    """Score the stems of one track by BSSEval v4, as museval 0.4 does: images, with filters for the whole track.

    Least squares split each estimate into four parts: its reference, what a filter of the reference adds, what filters
    of the other references add, and the rest (Vincent et al. 2007; Stoeter et al. 2018). The filters connect all
    channels and are fitted once, to the whole track. The scores are ratios of the energies of these parts within
    frames. Samples after the last whole frame count for the filters only. A track shorter than the window is a single
    frame.

    **Silence.** A reference is silent if its mean square is at most -95 dB, so that neither dither nor the noise of a
    lossy format counts as sound. A source has no score in a frame where its reference is silent; the other sources
    keep theirs. A reference that is silent throughout is left out, as if the track did not have it. An estimate that is
    silent where its reference is not is scored like any other, with an SDR of 0 dB. museval differs: it scores no
    source in a frame where any reference or estimate is digital silence, and refuses a track where one is silent
    throughout. Published figures were computed that way; ``museval_silence`` reproduces them.

    **Accuracy.** The scores equal museval's within 1e-6 dB where the filters are well determined, as they are for
    16-bit stems. References that are empty in some band (a lossy format decoded to float) or linearly dependent leave
    the filters undetermined. The ISR, SIR and SAR of museval then change by 1e-3 dB and more with the order of the
    sources, and agree with these within that. Round such stems to 16 bits.

    Memory does not grow with the length of the track. A few seconds at a time are converted to float64, and the stems
    themselves may stay on disk (``numpy.memmap``, or any :class:`Signals`).

    Args:
        references: The true stems, ``(sources, channels, samples)``, full scale is 1.
        estimates: The same shape, sources in the same order.
        window: Length of a frame in samples.
        hop: Samples from the start of one frame to the next.
        taps: Length of the filters in samples.
        museval_silence: Treat silence as museval does: a signal is silent where its channels sum to 0.
        threads: Number of threads (default: the usable cores); the linear algebra uses one.

    Raises:
        ValueError: The shapes differ, do not have three dimensions or hold no samples; a sample is not finite; the
            window, hop or taps are less than 1; or ``museval_silence`` is set and a source is silent throughout.
        ConfigError: scipy or threadpoolctl is not installed.
    """
    with needs_extra("evaluate"):
        import scipy.linalg  # noqa: F401 - the projection imports it when it needs it
        from threadpoolctl import threadpool_limits

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
        with threadpool_limits(1, user_api="blas"):  # several wait for each other, for minutes on shared cores
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
    """Return the correlations of the reference channels with all channels, and ``measure`` of all, ``(2, sources)``."""
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
    """Return the filters from the channels of the references that are not silent to their two projections.

    The outputs are, for each of these sources and channels, the part of the estimate that all references explain;
    then, for each again, the part that its own reference explains.
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
    """Return the energies whose ratios are the scores, and ``measure`` of all stems in each frame.

    Returns:
        The energies, ``(scores, 2, heard, frames)``, numerators and denominators; the measure,
        ``(2, sources, frames)``.
    """
    past, step = bank.taps - 1, block_step(bank.taps)

    def pieces() -> Iterator[tuple[int, Array]]:
        for frame, (first, end) in enumerate(frames):
            for at in range(first, end + past, _BLOCKS * step):  # a frame is filtered alone, with its tail
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
    with np.errstate(divide="ignore", invalid="ignore"):  # no error: inf; no signal either: NaN
        ratio: Array = 10 * np.log10(above / below)
    return ratio


def _in_threads(function: Callable[..., T], calls: Iterable[tuple[Any, ...]], threads: int | None) -> Iterator[T]:
    """Call a function in threads and yield its results in order, with few of them in memory at once."""
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
