from __future__ import annotations

import numpy as np
import pytest
import soundfile

from make_demo import SECONDS, write_demo
from partita_songbook.effects import RATE, rms_db

SAMPLES = int(SECONDS * RATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


def read(path):
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return audio.T


def test_the_mixture_is_the_sum_of_four_audible_stems(folder):
    stems = [read(folder / f"{stem}.flac") for stem in ("drums", "bass", "other", "vocals")]
    mixture = read(folder / "demo.flac")
    assert mixture.shape == (2, SAMPLES)
    assert np.abs(sum(stems) - mixture).max() < 4 / 32768
    assert 0.5 < np.abs(mixture).max() < 0.95
    levels = [rms_db(stem) for stem in stems]
    assert max(levels) - min(levels) < 5
