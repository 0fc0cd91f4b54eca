from __future__ import annotations

import numpy as np
import pytest
import soundfile

from partita_songbook import takes
from partita_songbook.takes import analyse
from tones import RATE, sung


def test_phrases_are_what_lies_between_pauses():
    voice = sung(4.0, 57, ((0, 0.5), (1.5, 2.0), (3.0, 3.9)))[None]
    first, second = takes.split_phrases(voice)  # the last 0.1 s are too short to keep
    assert (first.start / RATE, first.stop / RATE) == pytest.approx((0.5, 1.5), abs=0.07)
    assert (second.start / RATE, second.stop / RATE) == pytest.approx((2.0, 3.0), abs=0.07)


def test_silence_has_no_phrases():
    assert takes.split_phrases(np.zeros((1, RATE), np.float32)) == []


def test_long_phrases_are_divided(tmp_path):
    soundfile.write(tmp_path / "long.wav", sung(9.0, 57), RATE)
    lengths = [len(take.pitch) * takes.FRAME for take in takes.analyse(tmp_path / "long.wav")]
    assert max(lengths) <= 7.0
    assert sum(lengths) == pytest.approx(9.0, abs=0.1)


def test_analysis_is_kept_and_found_again(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, sung(1.0, 57), RATE)
    fresh = analyse(path)
    first = analyse(path, tmp_path / "cache")
    analyse.cache_clear()
    monkeypatch.setattr("partita_songbook.takes._phrases", lambda _: pytest.fail("analysed twice"))
    again = analyse(path, tmp_path / "cache")
    for take in (first[0], again[0]):
        assert np.array_equal(take.pitch, fresh[0].pitch)
        assert np.array_equal(take.envelope, fresh[0].envelope)
    assert len(list((tmp_path / "cache").iterdir())) == 1
