"""Excerpts as a browser plays them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from partita.audio import nearest_rate, remix, resample_blocks
from partita.evaluation.report.figures import TOP_FREQUENCY, spectrograms
from partita.evaluation.results import Excerpt

__all__ = ["Card", "Sound", "card"]

_BLOCK = 65536  # samples; libsndfile encodes a block on the stack
_MP3 = {  # which every browser plays; about 120 kbit/s, so that a report can hold hundreds
    "format": "MP3",
    "subtype": "MPEG_LAYER_III",
    "bitrate_mode": "VARIABLE",
    "compression_level": 0.5,
}


@dataclass(frozen=True)
class Sound:
    """Something to look at and to listen to.

    Attributes:
        name: Mixture, estimate or reference.
        picture: Its spectrogram, a data URI.
        audio: The samples, a data URI.
    """

    name: str
    picture: str
    audio: str


@dataclass(frozen=True)
class Card:
    """An excerpt as a page shows it.

    Attributes:
        excerpt: What it is.
        end: Where it ends in the song, in seconds.
        kilohertz: At the upper edge of the spectrograms.
        sounds: Mixture, estimate and reference.
    """

    excerpt: Excerpt
    end: float
    kilohertz: float
    sounds: tuple[Sound, ...]


def card(excerpt: Excerpt) -> Card:
    """Encode an excerpt; its three sounds keep their levels to each other.

    Raises:
        AudioError: It has more than two channels and no known layout of them.
    """
    channels = min(2, len(excerpt.mixture))
    names = ("Mixture", "Estimate", "Reference")
    signals = [remix(signal, channels) for signal in (excerpt.mixture, excerpt.estimate, excerpt.reference)]
    peak = max(1.0, *(float(np.abs(signal).max(initial=0)) for signal in signals))
    pictures = spectrograms(signals, excerpt.sample_rate)
    sounds = tuple(
        Sound(
            name, _data_uri("image/png", picture), _data_uri("audio/mpeg", encode(signal / peak, excerpt.sample_rate))
        )
        for name, signal, picture in zip(names, signals, pictures, strict=True)
    )
    end = excerpt.start + excerpt.mixture.shape[1] / excerpt.sample_rate
    return Card(excerpt, end, min(TOP_FREQUENCY, excerpt.sample_rate / 2) / 1000, sounds)


def encode(samples: npt.NDArray[np.float32], sample_rate: int) -> bytes:
    """Return samples as an MP3 file, at the nearest rate that the format has.

    Args:
        samples: Float32 ``(channels, samples)``, at most two channels.
        sample_rate: Hz.
    """
    rate = nearest_rate("mp3", sample_rate)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", samplerate=rate, channels=len(samples), **_MP3) as sound:
        for ready in resample_blocks([samples], sample_rate, rate, len(samples)):
            for start in range(0, ready.shape[1], _BLOCK):
                sound.write(np.ascontiguousarray(ready[:, start : start + _BLOCK].T))
    return file.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
