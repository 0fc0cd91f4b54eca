"""Files to blocks of samples and back: decoding, remixing, resampling, dithering, encoding."""

from __future__ import annotations

from partita.audio.channels import remix
from partita.audio.decode import AudioReader
from partita.audio.encode import AudioWriter, nearest_rate, wav_container
from partita.audio.resample import Resampler, resample_blocks

__all__ = [
    "AudioReader",
    "AudioWriter",
    "Resampler",
    "nearest_rate",
    "remix",
    "resample_blocks",
    "wav_container",
]
