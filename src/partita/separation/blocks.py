"""What a separation yields, and how a caller follows and stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Block", "CancelToken", "Progress", "Stems"]

Array = npt.NDArray[np.float32]

# called with the fraction done, from 0 to 1, and the seconds left, None while they are unknown
Progress = Callable[[float, float | None], None]


class CancelToken(Protocol):
    """Tells a separation whether to stop; a :class:`threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


@dataclass(frozen=True)
class Block:
    """Consecutive samples of a separated track.

    Attributes:
        start: Position of the first sample in the track, in samples at the output's rate.
        stems: Float32 ``(sources, channels, samples)``.
        mixture: The same samples of the mixture, float32 ``(channels, samples)``.
    """

    start: int
    stems: Array
    mixture: Array


class Stems(dict[str, Array]):
    """The stems of a track by name, each float32 ``(channels, samples)``.

    Attributes:
        sample_rate: Hz.
    """

    def __init__(self, stems: Mapping[str, Array], sample_rate: int) -> None:
        super().__init__(stems)
        self.sample_rate = sample_rate
