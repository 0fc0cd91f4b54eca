"""Oracles, the upper bounds of a comparison, and the mixture, its lower bound.

An oracle computes its estimates from the true stems, so it can be scored but cannot separate a song.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from partita.evaluation.stems import Samples, Signals
from partita.system.extras import needs_extra

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT

__all__ = ["ORACLES", "Oracle"]

Array = npt.NDArray[np.float32]
Magnitudes = npt.NDArray[np.float64]
Mask = Callable[[Magnitudes, Magnitudes], Magnitudes]

_FRAME, _HOP = 2048, 1024  # of the short-time Fourier transform, in samples
_BLOCK = 256 * _HOP
_CONTEXT = 2 * _FRAME  # samples farther away do not influence a sample through its frames
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Oracle:
    """A separation that needs the true stems.

    Attributes:
        name: The name by which ``partita evaluate --model`` and an experiment's ``oracle`` know it.
        description: What it is, in a phrase.
        mask: Maps the magnitudes of the references ``(sources, channels, bins, frames)`` and of the mixture
            ``(channels, bins, frames)`` to masks ``(sources, channels, bins, frames)``; ``None`` if the mixture
            itself is the estimate of every source.
    """

    name: str
    description: str
    mask: Mask | None

    def estimate(self, references: Signals, mixture: Samples) -> Iterator[Array]:
        """Yield the estimates in consecutive blocks that together are as long as the mixture.

        Args:
            references: The true stems, ``(sources, channels, samples)``.
            mixture: ``(channels, samples)``.

        Yields:
            Float32 ``(sources, channels, any)``.
        """
        sources, channels, samples = references.shape
        for start in range(0, samples, _BLOCK):
            stop = min(start + _BLOCK, samples)
            if self.mask is None:
                yield np.broadcast_to(mixture[:, start:stop], (sources, channels, stop - start)).astype(np.float32)
            else:
                yield _masked(self.mask, references, mixture, start, stop)


def _masked(mask: Mask, references: Signals, mixture: Samples, start: int, stop: int) -> Array:
    """Mask the samples from ``start``, a multiple of the hop, to ``stop``."""
    transform = _transform()
    first, last = max(0, start - _CONTEXT), min(stop + _CONTEXT, references.shape[-1])
    truth = transform.stft(_at_least_a_frame(references[:, :, first:last]))
    mixed = transform.stft(_at_least_a_frame(mixture[:, first:last]))
    masked = mask(np.abs(truth), np.abs(mixed)) * mixed
    inner: Array = transform.istft(masked)[..., start - first : stop - first].astype(np.float32)
    return inner


def _transform() -> ShortTimeFFT:
    """Return scipy's default transform, which the field's oracles use too: Hann windows that overlap by half."""
    with needs_extra("evaluate"):
        from scipy.signal import ShortTimeFFT, get_window

    return ShortTimeFFT(get_window("hann", _FRAME), _HOP, fs=1)


def _at_least_a_frame(signals: Array) -> npt.NDArray[np.float64]:
    missing = max(0, _FRAME - signals.shape[-1])
    return np.pad(signals.astype(np.float64), [(0, 0)] * (signals.ndim - 1) + [(0, missing)])


def _ratio(power: float) -> Mask:
    def mask(references: Magnitudes, _mixture: Magnitudes) -> Magnitudes:
        powers = references**power
        return np.asarray(powers / (powers.sum(0) + _TINY))

    return mask


def _binary(references: Magnitudes, mixture: Magnitudes) -> Magnitudes:
    return np.asarray(references >= 0.5 * (mixture + _TINY), np.float64)


ORACLES = {
    oracle.name: oracle
    for oracle in (
        Oracle("irm1", "ideal ratio mask of magnitudes", _ratio(1)),
        Oracle("irm2", "ideal ratio mask of powers, the paper's mask oracle", _ratio(2)),
        Oracle("ibm", "ideal binary mask: 1 where a source has at least half of the mixture's magnitude", _binary),
        Oracle("mixture", "the mixture as every stem, the lower bound", None),
    )
}
