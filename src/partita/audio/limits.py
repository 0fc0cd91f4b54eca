"""Limits of the audio that is accepted, so that a small file cannot take hours or gigabytes."""

from __future__ import annotations

import operator
from dataclasses import dataclass, fields
from math import inf
from typing import Any

import numpy as np

from partita.errors import AudioError, ConfigError

__all__ = ["MAX_RATE", "Limits", "checked_block", "checked_rate"]

MAX_RATE = 768_000  # Hz
_LONGEST_BLOCK = 2**24  # samples


@dataclass(frozen=True)
class Limits:
    """What a file may hold; anything beyond is refused by an :class:`AudioError`.

    Attributes:
        min_rate: Lowest sample rate in Hz.
        max_rate: Highest sample rate in Hz.
        channels: Largest number of channels.
        hours: Longest duration. It is checked while a file is decoded, so parts of longer files can be read.

    Raises:
        ConfigError: A limit is not positive.
    """

    min_rate: int = 1000
    max_rate: int = MAX_RATE
    channels: int = 64
    hours: float = 24.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
                raise ConfigError(f"limits: {field.name} must be more than 0, not {value!r}")

    def check_stream(self, sample_rate: int, channels: int) -> None:
        """Check the properties of a file.

        Raises:
            AudioError: A limit is exceeded; the message does not name the file.
        """
        if not self.min_rate <= sample_rate <= self.max_rate:
            raise AudioError(
                f"its sample rate is {sample_rate} Hz, and {self.min_rate} to {self.max_rate} Hz are accepted; "
                "resample it, or change limits (min_rate, max_rate)"
            )
        if channels > self.channels:
            raise AudioError(
                f"it has {channels} channels, and up to {self.channels} are accepted; mix it to stereo first, or raise "
                "limits (channels)"
            )

    def check_length(self, samples: int, sample_rate: int) -> None:
        """Check how much of a file has been decoded.

        Raises:
            AudioError: It is too long; the message does not name the file.
        """
        if samples > self.hours * 3600 * sample_rate:
            raise AudioError(
                f"it is longer than {self.hours:g} hours; choose a part of it (start, duration) or raise limits (hours)"
            )


def checked_rate(rate: Any, name: str = "sample_rate") -> int:
    """Return a sample rate in Hz as an int.

    Args:
        rate: What a caller passed.
        name: The argument, for the message.

    Raises:
        ConfigError: It is not a whole number from 1 to 768000.
    """
    return _checked(rate, name, "a whole number of Hz", MAX_RATE)


def checked_block(size: Any) -> int:
    """Return the length of a block in samples as an int.

    Raises:
        ConfigError: It is not a whole number from 1 to 2**24.
    """
    return _checked(size, "size", "a whole number of samples", _LONGEST_BLOCK)


def _checked(value: Any, name: str, kind: str, largest: int) -> int:
    try:
        whole = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or not 1 <= whole <= largest:
        raise ConfigError(f"{name}: must be {kind} from 1 to {largest}, not {value!r}")
    return whole
