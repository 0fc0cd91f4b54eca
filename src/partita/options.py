"""Choices and defaults that the Python interface and the command line share; importing them costs nothing."""

from __future__ import annotations

from typing import Literal

__all__ = ["DEFAULT_FILENAME", "DEFAULT_OVERLAP", "BackendName", "Bits", "Format"]

Format = Literal["wav", "flac", "mp3", "ogg", "opus"]
Bits = Literal["keep", "16", "24", "32f"]  # of a sample; 32f is float, and keep takes those of the input
BackendName = Literal["onnx", "torch"]

DEFAULT_OVERLAP = 0.25  # fraction of a window that the next one covers too
DEFAULT_FILENAME = "{model}/{track}/{stem}.{ext}"  # of a stem, below the output folder
