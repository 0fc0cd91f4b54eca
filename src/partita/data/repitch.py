"""The pitch and tempo augmentation of the paper's 2021 revision, computed by Rubber Band."""

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

_TAIL = 8192  # extra input samples: the stretcher's output fades where its input ends

# Rubber Band's faster engine, without transient detection, which distorts sustained tones. It preserves formants.
_ENGINE: dict[str, Any] = {"high_quality": False, "transient_mode": "smooth"}


@dataclass(frozen=True)
class Change:
    """A change of pitch and tempo.

    Attributes:
        semitones: Change of pitch; positive is up.
        tempo: Factor of the speed; above 1 is faster.
    """

    semitones: int
    tempo: float

    def input_length(self, samples: int) -> int:
        """Return the number of input samples needed for ``samples`` samples of output."""
        return math.ceil(samples * self.tempo) + _TAIL

    def apply(
        self, stems: NDArray[np.float32], samples: int, sources: Sequence[str], sample_rate: int
    ) -> NDArray[np.float32]:
        """Change all stems alike. The stem ``vocals`` largely keeps its formants.

        The stems stay aligned with each other to within 6 ms.

        Args:
            stems: Float32 ``(sources, channels, input_length(samples))``.
            samples: Length of the result in samples.
            sources: Names of the stems.
            sample_rate: Sample rate in Hz.

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
        # resampling by soxr is faster and more accurate than changing the pitch by Rubber Band
        resampled = np.ascontiguousarray(soxr.resample(stem.T, ratio, 1.0).T)
        window = False if name == "drums" else None  # a long window smears attacks
        return pedalboard.time_stretch(
            resampled, sample_rate, self.tempo / ratio, use_long_fft_window=window, **_ENGINE
        )


@dataclass(frozen=True)
class Repitch:
    """Random changes of pitch and tempo of whole excerpts (section "data augmentation" of the 2021 revision).

    Attributes:
        probability: Probability that an excerpt is changed.
        semitones: Largest change of pitch, up or down; all whole semitones are equally likely.
        tempo_deviation: Standard deviation of the relative change of tempo, which is normally distributed.
        tempo_limit: Largest relative change of tempo; larger draws are clipped to it.
    """

    probability: float = 0.2
    semitones: int = 2
    tempo_deviation: float = 0.05
    tempo_limit: float = 0.12

    def draw(self, rng: np.random.Generator) -> Change | None:
        """Draw the change of one excerpt; ``None`` means no change."""
        if rng.random() >= self.probability:
            return None
        tempo = np.clip(rng.normal(0, self.tempo_deviation), -self.tempo_limit, self.tempo_limit)
        return Change(int(rng.integers(-self.semitones, self.semitones + 1)), 1 + float(tempo))
