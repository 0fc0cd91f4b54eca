"""Excerpts encoded for a browser: spectrograms and MP3s."""

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

__all__ = ["EncodedExcerpt", "EncodedSignal", "encode_excerpt"]

_BLOCK = 65536  # samples; libsndfile keeps a block on the stack
_MP3 = {  # all browsers play it; at about 120 kbit/s a report can hold hundreds
    "format": "MP3",
    "subtype": "MPEG_LAYER_III",
    "bitrate_mode": "VARIABLE",
    "compression_level": 0.5,
}


@dataclass(frozen=True)
class EncodedSignal:
    """One signal of an excerpt.

    Attributes:
        name: ``Mixture``, ``Estimate`` or ``Reference``.
        picture: Spectrogram, a data URI.
        audio: Audio, a data URI.
    """

    name: str
    picture: str
    audio: str


@dataclass(frozen=True)
class EncodedExcerpt:
    """An excerpt with its spectrograms and audio.

    Attributes:
        excerpt: The excerpt.
        end: Position of its end in the song, in seconds.
        kilohertz: Frequency at the top of the spectrograms.
        signals: Mixture, estimate and reference.
    """

    excerpt: Excerpt
    end: float
    kilohertz: float
    signals: tuple[EncodedSignal, ...]


def encode_excerpt(excerpt: Excerpt) -> EncodedExcerpt:
    """Encode an excerpt; its three signals keep their relative levels.

    Raises:
        AudioError: It has more than two channels in an unknown layout.
    """
    channels = min(2, len(excerpt.mixture))
    names = ("Mixture", "Estimate", "Reference")
    signals = [remix(signal, channels) for signal in (excerpt.mixture, excerpt.estimate, excerpt.reference)]
    peak = max(1.0, *(float(np.abs(signal).max(initial=0)) for signal in signals))
    pictures = spectrograms(signals, excerpt.sample_rate)
    encoded = tuple(
        EncodedSignal(
            name, _data_uri("image/png", picture), _data_uri("audio/mpeg", encode(signal / peak, excerpt.sample_rate))
        )
        for name, signal, picture in zip(names, signals, pictures, strict=True)
    )
    end = excerpt.start + excerpt.mixture.shape[1] / excerpt.sample_rate
    return EncodedExcerpt(excerpt, end, min(TOP_FREQUENCY, excerpt.sample_rate / 2) / 1000, encoded)


def encode(samples: npt.NDArray[np.float32], sample_rate: int) -> bytes:
    """Return samples as an MP3 file, at the nearest sample rate that the format supports.

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
