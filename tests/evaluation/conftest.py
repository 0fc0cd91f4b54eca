"""Signals and songs shared by the tests of this room."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile


@pytest.fixture
def dithered_silence():
    """Silence rounded to 16 bits with triangular dither, as other programs write it: stereo ``(2, samples)``."""

    def make(samples):
        noise = np.random.default_rng(0).triangular(-1, 0, 1, (2, samples))
        return np.rint(noise) / 32768

    return make


@pytest.fixture
def write_songs():
    """Write songs, name -> source -> ``(channels, samples)``, as wav files."""

    def write(root, songs, rate=8000, subtype="FLOAT"):
        for name, stems in songs.items():
            (root / name).mkdir(parents=True)
            for source, samples in stems.items():
                soundfile.write(root / name / f"{source}.wav", samples.T, rate, subtype=subtype)
        return root

    return write
