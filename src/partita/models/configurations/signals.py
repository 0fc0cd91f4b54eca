"""Lengths of the signal processing inside models."""

from __future__ import annotations

from partita.errors import ConfigError

__all__ = ["RESAMPLER_REACH", "lost_hops"]

RESAMPLER_REACH = 26  # samples of the lower rate on either side that a sample of the resampler by two depends on


def lost_hops(n_fft: int, hop: int) -> int:
    """Return the difference between the number of hops and of frames of an STFT without padding.

    Args:
        n_fft: Length of a frame in samples, a multiple of 4.
        hop: Samples from one frame to the next; a frame is a whole number of hops, at least three.

    Raises:
        ConfigError: A length is invalid.
    """
    if n_fft < 4 or n_fft % 4:
        raise ConfigError(f"n_fft: must be a multiple of 4, not {n_fft}")
    if hop < 1 or n_fft % hop or n_fft // hop < 3:
        raise ConfigError(f"hop: must divide the n_fft of {n_fft} into three parts or more, not {hop}")
    return n_fft // hop - 1
