"""References and estimates side by side, read a piece at a time."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["ROLES", "Samples", "Signals", "StemPair", "frame_bounds"]

ROLES = ("references", "estimates")


class Signals(Protocol):
    """Stems ``(sources, channels, samples)``: an array, or an object that reads its samples when it is sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(sources, channels, samples)``."""

    def __getitem__(self, key: tuple[slice, slice, slice], /) -> Any:
        """Return a part of the stems as an array."""


class Samples(Protocol):
    """One signal ``(channels, samples)``: an array, or an object that reads its samples when it is sliced."""

    def __getitem__(self, key: tuple[slice, slice], /) -> Any:
        """Return a part of the signal as an array."""


class StemPair:
    """The references (index 0) and the estimates (index 1) of a track.

    Args:
        references: ``(sources, channels, samples)``.
        estimates: The same shape.

    Raises:
        ValueError: The shapes differ, do not have three dimensions or hold no samples.
    """

    def __init__(self, references: Signals | npt.ArrayLike, estimates: Signals | npt.ArrayLike) -> None:
        self._stems: list[Any] = [
            stems if hasattr(stems, "shape") else np.asarray(stems) for stems in (references, estimates)
        ]
        shape, other = (tuple(stems.shape) for stems in self._stems)
        if shape != other:
            raise ValueError(f"references {shape} and estimates {other} differ in shape")
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"stems must be (sources, channels, samples), at least one of each, not {shape}")
        self.sources, self.channels, self.samples = shape

    def read(self, start: int, stop: int, within: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Return a piece ``(2, sources, channels, stop - start)``, with zeros outside the bounds ``within``.

        Raises:
            ValueError: A sample is not finite.
        """
        piece = np.zeros((2, self.sources, self.channels, stop - start))
        low, high = max(start, within[0]), min(stop, within[1])
        for role, stems in enumerate(self._stems):
            piece[role, ..., low - start : high - start] = stems[:, :, low:high]
        finite = np.isfinite(piece)
        if not finite.all():
            role, source, _, sample = np.argwhere(~finite)[0]
            raise ValueError(f"{ROLES[role]}: source {source} is not finite at sample {start + sample}")
        return piece


def frame_bounds(samples: int, window: int, hop: int) -> list[tuple[int, int]]:
    """Return the first sample and the end of each whole frame of a track.

    A track shorter than the window is a single frame.

    Raises:
        ValueError: The window or the hop is less than 1.
    """
    if min(window, hop) < 1:
        raise ValueError("window and hop: must be at least 1 sample")
    return [(start, min(start + window, samples)) for start in range(0, max(0, samples - window) + 1, hop)]
