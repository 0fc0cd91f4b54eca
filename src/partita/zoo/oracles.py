"""Oracles: what could be had if the stems were known, and what is had for nothing.

They are given the true stems, so they separate nothing; they are the ceiling and the floor of a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT

__all__ = ["ORACLES", "Oracle"]

Array = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex128]

_FRAME, _HOP = 2048, 1024  # of the short-time Fourier transform, in samples
_BLOCK = 256 * _HOP
_CONTEXT = 2 * _FRAME  # whatever lies farther does not reach a sample through frames and their inverse
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Oracle:
    """A separation that needs the references.

    Attributes:
        name: Its name in the zoo.
        description: One sentence.
        mask: Magnitudes of the references ``(sources, channels, bins, frames)`` and of the mixture
            ``(channels, bins, frames)`` to masks of the former's shape; None where the estimates are the mixture.
    """

    name: str
    description: str
    mask: Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None

    def estimate(self, references: Any, mixture: Any) -> Iterator[Array]:
        """Yield consecutive blocks of estimates ``(sources, channels, any)``, float32, as long as the mixture in all.

        Args:
            references: ``(sources, channels, samples)``: an array or what is sliced like one.
            mixture: ``(channels, samples)``, as well.
        """
        sources, channels, samples = references.shape
        for start in range(0, samples, _BLOCK):
            stop = min(start + _BLOCK, samples)
            if self.mask is None:
                yield np.broadcast_to(mixture[:, start:stop], (sources, channels, stop - start)).astype(np.float32)
            else:
                yield self._masked(self.mask, references, mixture, start, stop)

    @staticmethod
    def _masked(mask: Callable[..., Any], references: Any, mixture: Any, start: int, stop: int) -> Array:
        """Mask the samples from ``start``, a multiple of the hop, to ``stop``."""
        transform = _transform()
        first, last = max(0, start - _CONTEXT), min(stop + _CONTEXT, references.shape[-1])
        truth: Spectra = transform.stft(_at_least_a_frame(references[:, :, first:last]))
        mixed: Spectra = transform.stft(_at_least_a_frame(mixture[:, first:last]))
        masked = mask(np.abs(truth), np.abs(mixed)) * mixed
        inner: Array = transform.istft(masked)[..., start - first : stop - first].astype(np.float32)
        return inner


def _transform() -> ShortTimeFFT:
    """Return the transform that scipy and the field's oracles take by default: Hann windows that overlap by half."""
    from scipy.signal import ShortTimeFFT, get_window

    return ShortTimeFFT(get_window("hann", _FRAME), _HOP, fs=1)


def _at_least_a_frame(signals: Array) -> npt.NDArray[np.float64]:
    missing = max(0, _FRAME - signals.shape[-1])
    return np.pad(signals.astype(np.float64), [(0, 0)] * (signals.ndim - 1) + [(0, missing)])


def _ratio(power: float) -> Callable[..., npt.NDArray[np.float64]]:
    def mask(references: npt.NDArray[np.float64], _mixture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        powers = references**power
        return np.asarray(powers / (powers.sum(0) + _TINY))

    return mask


def _binary(references: npt.NDArray[np.float64], mixture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(references >= 0.5 * (mixture + _TINY), np.float64)


ORACLES = {
    oracle.name: oracle
    for oracle in (
        Oracle("irm1", "ideal ratio mask of magnitudes", _ratio(1)),
        Oracle("irm2", "ideal ratio mask of powers, the paper's mask oracle", _ratio(2)),
        Oracle("ibm", "ideal binary mask: a bin goes to each source with half of the mixture's magnitude", _binary),
        Oracle("mixture", "the mixture itself as every stem: the floor", None),
    )
}
