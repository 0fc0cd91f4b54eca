"""Tracks as arrays: reading, conversion, protection against clipping, and writing; nothing here needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from partita.audio import AudioReader, AudioWriter, SliceSource, Source, resample_blocks
from partita.audio.blocks import BLOCK
from partita.audio.encode import FORMATS
from partita.errors import ConfigError

__all__ = ["Clip", "prevent_clip", "read_track", "resampled", "write_track"]

Array = npt.NDArray[np.float32]
Clip: TypeAlias = Literal["rescale", "clamp", "tanh", "none"]

_CLAMP = 0.99  # of full scale
_HEADROOM = 1.01


def read_track(
    path: str | Path,
    *,
    stream: int | None = None,
    seek_time: float | None = None,
    duration: float | None = None,
    sample_rate: int | None = None,
    channels: int | None = None,
) -> Array:
    """Decode a file.

    Args:
        path: An audio or video file.
        stream: Index of an audio stream; by default the one that FFmpeg considers the best.
        seek_time: Seconds to skip at the beginning.
        duration: Seconds to read; the rest by default.
        sample_rate: Hz; by default that of the file.
        channels: Number of channels; by default those of the file. More than two are mixed.

    Returns:
        Float32 ``(channels, samples)``.

    Raises:
        AudioError: The file cannot be read.
        ConfigError: The times or the channels are invalid.
    """
    reader = AudioReader(path, channels, stream)
    part: Source = reader
    if seek_time or duration is not None:
        part = SliceSource(reader, seek_time or 0.0, duration)
    blocks = [np.zeros((reader.channels, 0), np.float32), *part.blocks()]
    return resampled(np.concatenate(blocks, axis=1), reader.sample_rate, sample_rate or reader.sample_rate)


def resampled(samples: Array, from_rate: int, to_rate: int) -> Array:
    """Change the sample rate of ``(channels, samples)``; rates are in Hz, and the length is rounded down."""
    if from_rate == to_rate:
        return samples
    blocks = (samples[:, start : start + BLOCK] for start in range(0, samples.shape[1], BLOCK))
    found = [samples[:, :0], *resample_blocks(blocks, from_rate, to_rate, len(samples))]
    length = samples.shape[1] * to_rate // from_rate
    return np.concatenate(found, axis=1)[:, :length]


def prevent_clip(samples: Array, mode: Clip | None = "rescale") -> Array:
    """Bring samples within full scale.

    Args:
        samples: Float32, any shape.
        mode: ``rescale`` divides all by 1.01 times the peak if that exceeds 1, ``clamp`` limits them to 0.99, ``tanh``
            compresses them, ``none`` changes nothing.

    Raises:
        ConfigError: There is no such mode.
    """
    if mode is None or mode == "none":
        return samples
    if mode == "rescale":
        return samples / np.float32(max(_HEADROOM * np.abs(samples).max(initial=0.0), 1.0))
    if mode == "clamp":
        return samples.clip(-_CLAMP, _CLAMP)
    if mode == "tanh":
        return np.tanh(samples)
    raise ConfigError(f"clip: {mode!r} is not one of rescale, clamp, tanh, none")


def write_track(
    samples: Array,
    path: str | Path,
    sample_rate: int,
    *,
    bits: str = "16",
    bitrate: int = 320,
    clip: Clip | None = "rescale",
) -> None:
    """Write a file. It appears under its name when it is complete; its folder is created if needed.

    Args:
        samples: Float32 ``(channels, samples)``.
        path: Its suffix is the format: wav, flac, mp3, ogg or opus.
        sample_rate: Hz.
        bits: ``16`` or ``24`` for wav and flac, dithered, or ``32f``, float; flac gets 24 bits instead.
        bitrate: Of mp3 and opus, in kbit/s.
        clip: As of :func:`prevent_clip`.

    Raises:
        ConfigError: An option is invalid.
        OutputError: The file cannot be written.
    """
    kind = Path(path).suffix[1:].lower()
    if kind not in FORMATS:
        raise ConfigError(f"path: the suffix of {path} is not one of {', '.join(FORMATS)}")
    if kind == "flac" and bits == "32f":
        bits = "24"
    safe = prevent_clip(samples, clip)
    rate = bitrate if kind in ("mp3", "opus") else None
    with AudioWriter(path, sample_rate, len(safe), safe.shape[1], kind, bits, bitrate=rate) as file:
        file.write(safe)
