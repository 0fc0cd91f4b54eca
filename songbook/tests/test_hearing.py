from __future__ import annotations

import numpy as np
import pytest

from partita_songbook.hearing import hear_beat, hear_key
from tones import RATE


def _scale(tonic: int, steps: tuple[int, ...]) -> np.ndarray:
    """Half a second of each step of a scale, the tonic and the fifth twice as long, with two harmonics."""
    notes = [step for step in steps for _ in range(2 if step in (0, 7) else 1)]
    time = np.arange(RATE // 2) / RATE
    tones = [
        sum(
            np.sin(2 * np.pi * harmonic * 440 * 2 ** ((tonic + step - 9) / 12) * time) / harmonic for harmonic in (1, 2)
        )
        for step in notes
    ]
    return np.stack([np.concatenate(tones)] * 2).astype(np.float32) * 0.1


@pytest.mark.parametrize("tonic", [0, 3, 8, 11])
def test_the_key_of_a_played_scale_is_heard(tonic):
    assert hear_key(_scale(tonic, (0, 2, 4, 5, 7, 9, 11))) == (tonic, False)


def test_silence_is_in_c_major():
    assert hear_key(np.zeros((2, RATE), np.float32)) == (0, False)


@pytest.mark.parametrize("bpm", [84, 100, 126])
def test_the_beat_of_a_drum_pattern_is_heard(bpm):
    rng = np.random.default_rng(0)
    beat = 60 / bpm
    audio = np.zeros((1, 20 * RATE), np.float32)
    for half in range(int(20 / beat * 2) - 1):
        start = int(half * beat / 2 * RATE)
        length, level = (4000, 0.8) if half % 2 == 0 else (1000, 0.1)
        audio[0, start : start + length] += level * rng.standard_normal(length) * np.linspace(1, 0, length)
    assert hear_beat(audio) == pytest.approx(beat, rel=0.01)


def test_silence_has_the_default_beat():
    assert hear_beat(np.zeros((1, 20 * RATE), np.float32)) == 0.5
