"""Choices and defaults that the Python interface and the command line share; importing them costs nothing."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["DEFAULT_FILENAME", "DEFAULT_OVERLAP", "PRESETS", "BackendName", "Bits", "Format", "Preset", "Quality"]

Format = Literal["wav", "flac", "mp3", "ogg", "opus"]
Bits = Literal["keep", "16", "24", "32f"]  # of a sample; 32f is float, and keep takes those of the input
Quality = Literal["fast", "balanced", "best"]  # of the separation
BackendName = Literal["onnx", "torch"]

DEFAULT_OVERLAP = 0.25  # fraction of a window that the next one covers too
DEFAULT_FILENAME = "{model}/{track}/{stem}.{ext}"  # of a stem, below the output folder


class Preset(NamedTuple):
    """The options of a separation that trade speed for quality.

    Attributes:
        overlap: Fraction of a window that the next one covers too.
        shifts: Number of passes to average; 0 and 1 are a single pass.
    """

    overlap: float
    shifts: int


PRESETS: dict[Quality, Preset] = {  # docs/performance.md has the speed and the SDR of each
    "fast": Preset(overlap=0.0, shifts=0),
    "balanced": Preset(overlap=DEFAULT_OVERLAP, shifts=0),
    "best": Preset(overlap=DEFAULT_OVERLAP, shifts=2),
}
