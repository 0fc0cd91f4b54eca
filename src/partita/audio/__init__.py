"""Audio in and out: sources, decoding, remixing, resampling, dithering, encoding."""

from __future__ import annotations

from partita.audio.channels import remix
from partita.audio.decode import AudioReader
from partita.audio.encode import AudioWriter, nearest_rate, wav_container
from partita.audio.resample import Resampler, resample_blocks
from partita.audio.source import ArraySource, Source, SumSource, open_source
from partita.audio.spool import Spool

__all__ = [
    "ArraySource",
    "AudioReader",
    "AudioWriter",
    "Resampler",
    "Source",
    "Spool",
    "SumSource",
    "nearest_rate",
    "open_source",
    "remix",
    "resample_blocks",
    "wav_container",
]
