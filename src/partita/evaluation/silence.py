"""What is predicted where a source is silent, which no signal-to-something ratio can tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from partita.evaluation.sdr import SILENCE
from partita.evaluation.stems import Signals, StemPair, frame_bounds

__all__ = ["energy_at_silence"]


def energy_at_silence(
    references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike, window: int = 44100, hop: int = 44100
) -> npt.NDArray[np.float64]:
    """Return the power of each estimate in the frames where its reference is silent, less is better.

    Frames are those of :func:`partita.evaluation.bss_eval`. Silent here is what has a mean square of at most
    -100 dB, as for :func:`partita.evaluation.sdr`, so that the noise of a lossy format does not count as sound.

    Args:
        references: The true stems, ``(sources, channels, samples)``.
        estimates: The same shape, sources in the same order.
        window: Length of a frame in samples.
        hop: Samples from the start of one frame to the next.

    Returns:
        ``(sources, frames)``: the mean square over samples and channels in dB of full scale (mean square 1), -inf
        where the estimate is silent too, NaN where the reference sounds.

    Raises:
        ValueError: The shapes differ, are not of three dimensions or hold nothing; a sample is not finite; or the
            window or hop is less than 1.
    """
    pair = StemPair(references, estimates)
    powers = [
        np.square(pair.read(first, end, (first, end))).mean((-2, -1))
        for first, end in frame_bounds(pair.samples, window, hop)
    ]
    reference, estimate = np.stack(powers, axis=-1)
    with np.errstate(divide="ignore"):
        return np.where(reference <= SILENCE, 10 * np.log10(estimate), np.nan)
