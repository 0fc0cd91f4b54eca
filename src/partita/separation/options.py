"""The options of the Separator, which can be checked before a model is there."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypedDict

from partita.audio import Limits
from partita.errors import ConfigError
from partita.options import PRESETS, BackendName, Preset, Quality
from partita.separation.backends import choose_device
from partita.separation.windows import check_windows

__all__ = ["SeparatorFields", "SeparatorOptions"]

_MOST_SHIFTS = 100  # each pass takes as much time and memory as the first
_LONGEST_SEGMENT = 86_400  # seconds
_MOST_AT_ONCE = 1024  # windows or threads


class SeparatorFields(TypedDict, total=False):
    """The options of :class:`Separator` as keyword arguments."""

    backend: BackendName
    quality: Quality
    segment: float | None
    overlap: float | None
    shifts: int | None
    device: str | None
    batch_size: int | None
    threads: int | None
    limits: Limits | None


@dataclass(frozen=True)
class SeparatorOptions:
    """How tracks are separated; the fields are the keyword arguments of :class:`Separator`.

    Raises:
        ConfigError: A value is invalid, or there is no such device.
        ModelError: The backend is not installed.
    """

    backend: BackendName = "onnx"
    quality: Quality = "balanced"
    segment: float | None = None
    overlap: float | None = None
    shifts: int | None = None
    device: str | None = None
    batch_size: int | None = None
    threads: int | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.quality not in PRESETS:
            raise ConfigError(f"quality: {self.quality!r} is not one of {', '.join(PRESETS)}")
        _check_number("segment", self.segment, least=0, most=_LONGEST_SEGMENT)
        _check_number("overlap", self.overlap, least=0, most=1)
        _check_number("shifts", self.shifts, least=0, most=_MOST_SHIFTS, whole=True)
        _check_number("batch_size", self.batch_size, least=1, most=_MOST_AT_ONCE, whole=True)
        _check_number("threads", self.threads, least=1, most=_MOST_AT_ONCE, whole=True)
        check_windows(0 if self.segment == 0 else 1, self.preset.overlap)
        choose_device(self.backend, self.device)

    @property
    def preset(self) -> Preset:
        """Overlap and shifts: those given, otherwise those of the quality."""
        preset = PRESETS[self.quality]
        return Preset(
            preset.overlap if self.overlap is None else self.overlap,
            preset.shifts if self.shifts is None else self.shifts,
        )


def _check_number(name: str, value: object, *, least: float, most: float, whole: bool = False) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise ConfigError(f"{name}: must be {'a whole number' if whole else 'a number'}, not {value!r}")
    if not least <= value <= most:  # type: ignore[operator]
        raise ConfigError(f"{name}: must be from {least} to {most}, not {value}")
