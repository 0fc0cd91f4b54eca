"""Key and tempo of recorded stems, for songs that come without notes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

from partita_songbook.effects import RATE, Audio
from partita_songbook.keys import best_key

__all__ = ["hear_beat", "hear_key"]

_HOP = 512  # samples


def _spectrogram(audio: Audio, frame: int) -> npt.NDArray[np.float32]:
    """Return magnitudes ``(bins, frames)`` of the mono mix, with a hop of :data:`_HOP`."""
    mono = np.pad(audio.mean(0), (0, frame))
    transform = signal.ShortTimeFFT(np.hanning(frame), _HOP, RATE)
    return np.asarray(np.abs(transform.stft(mono)), np.float32)


def hear_key(audio: Audio) -> tuple[int, bool]:
    """Find the key of pitched stems from the energy of each pitch class between 80 and 2000 Hz.

    Args:
        audio: Float32 ``(channels, samples)``.

    Returns:
        The pitch class of the tonic, 0 (C) to 11, and whether the key is minor; C major for silence.
    """
    frame = 16384  # bins of 2.7 Hz tell semitones apart from 80 Hz up
    magnitudes = _spectrogram(audio, frame)
    frequencies = np.fft.rfftfreq(frame, 1 / RATE)
    heard = (frequencies > 80) & (frequencies < 2000)
    pitch = 69 + 12 * np.log2(frequencies[heard] / 440)
    classes = np.round(pitch).astype(int) % 12
    # the square root keeps a loud note from outweighing a long one
    salience = np.sqrt(magnitudes[heard]).mean(1)
    salience = np.maximum(salience - signal.medfilt(salience, 25), 0)  # peaks only: noise has no key
    return best_key(np.bincount(classes, salience, 12).astype(np.float64))


def hear_beat(audio: Audio) -> float:
    """Find the length of a beat from the period of the onsets.

    Args:
        audio: Float32 ``(channels, samples)``, drums best of all.

    Returns:
        Seconds, between 60/160 and 60/75; 0.5 where no period is found.
    """
    magnitudes = np.log1p(100 * _spectrogram(audio, 2048))
    onsets = np.maximum(np.diff(magnitudes, axis=1), 0).sum(0)
    onsets -= onsets.mean()
    longest = int(60 / 75 * RATE / _HOP)
    if len(onsets) < 4 * longest or not onsets.any():
        return 0.5
    similar = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :][: 4 * longest + 4]
    lags = np.arange(60 / 160, 60 / 75, 0.002) * RATE / _HOP
    # a beat recurs after two and four beats as well
    strength = sum(np.interp(n * lags, np.arange(len(similar)), similar) for n in (1, 2, 4))
    # between equals, the tempo nearest to 115 beats a minute
    preference = np.exp(-0.5 * (np.log2(lags * _HOP / RATE * 115 / 60) / 0.8) ** 2)
    best = int(np.argmax(np.asarray(strength) * preference))
    return float(lags[best] * _HOP / RATE)
