"""The energy of estimates where the source is silent, which SDR-like ratios cannot measure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from partita.audio.level import SILENCE
from partita.evaluation.stems import Signals, StemPair, frame_bounds

__all__ = ["energy_at_silence"]


def energy_at_silence(
    references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike, window: int = 44100, hop: int = 44100
) -> npt.NDArray[np.float64]:
    """Return the energy of each estimate in the frames where its reference is silent; less is better.

    The frames are those of :func:`partita.evaluation.bss_eval`. A reference is silent in a frame if its mean square
    is at most -95 dB, so that neither dither nor the noise of a lossy format counts as sound.

    Args:
        references: The true stems, ``(sources, channels, samples)``, full scale is 1.
        estimates: The same shape, sources in the same order.
        window: Length of a frame in samples.
        hop: Samples from the start of one frame to the next.

    Returns:
        Float64 ``(sources, frames)``: the mean square over samples and channels in dB, 0 dB being a mean square of 1;
        ``-inf`` where every sample of the estimate is 0, NaN where the reference is not silent.

    Raises:
        ValueError: The shapes differ, do not have three dimensions or hold no samples; a sample is not finite; or
            the window or hop is less than 1.
    """
    pair = StemPair(references, estimates)
    powers = [
        np.square(pair.read(first, end, (first, end))).mean((-2, -1))
        for first, end in frame_bounds(pair.samples, window, hop)
    ]
    reference, estimate = np.stack(powers, axis=-1)
    with np.errstate(divide="ignore"):
        return np.where(reference <= SILENCE, 10 * np.log10(estimate), np.nan)
