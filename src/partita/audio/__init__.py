"""Audio input and output: sources, decoding, remixing, resampling, dithering, encoding and tags."""

from __future__ import annotations

from partita.audio.channels import remix
from partita.audio.decode import AudioReader
from partita.audio.dither import Quantiser
from partita.audio.encode import AudioWriter, nearest_rate, wav_container
from partita.audio.level import decibels, is_silent
from partita.audio.limits import Limits
from partita.audio.resample import Resampler, resample_blocks
from partita.audio.source import ArraySource, Readable, SliceSource, Source, SourceLike, SumSource, open_source
from partita.audio.spool import Spool
from partita.audio.tags import Tags, read_tags

__all__ = [
    "ArraySource",
    "AudioReader",
    "AudioWriter",
    "Limits",
    "Quantiser",
    "Readable",
    "Resampler",
    "SliceSource",
    "Source",
    "SourceLike",
    "Spool",
    "SumSource",
    "Tags",
    "decibels",
    "is_silent",
    "nearest_rate",
    "open_source",
    "read_tags",
    "remix",
    "resample_blocks",
    "wav_container",
]
