from __future__ import annotations

import numpy as np
import pytest
import soundfile

import make_demo
from partita_songbook.effects import RATE, rms_db

STEMS = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def composed():
    return make_demo.compose_demo()


def test_four_audible_stems_add_up_below_full_scale(composed):
    assert tuple(composed) == STEMS
    assert {audio.shape for audio in composed.values()} == {(2, int(make_demo.SECONDS * RATE))}
    assert 0.5 < np.abs(sum(composed.values())).max() < 0.95
    levels = [rms_db(audio) for audio in composed.values()]
    assert max(levels) - min(levels) < 5


def test_the_files_hold_the_stems_and_their_sum(composed, tmp_path, monkeypatch):
    monkeypatch.setattr(make_demo, "compose_demo", lambda: composed)
    make_demo.write_demo(tmp_path / "demo")
    expected = {**composed, "demo": sum(composed.values())}
    assert {path.stem for path in (tmp_path / "demo").iterdir()} == expected.keys()
    for name, audio in expected.items():
        read, rate = soundfile.read(tmp_path / "demo" / f"{name}.flac", dtype="float32")
        assert rate == RATE
        assert np.abs(read.T - audio).max() <= 1.5 / 32768 + 1e-6  # 16 bits with dither


def test_the_demo_song_has_the_length_and_level_of_the_script(composed):
    audio, rate = soundfile.read(make_demo.__file__.replace("make_demo.py", "demo.flac"), dtype="float32")
    assert rate == RATE
    assert audio.T.shape == (2, int(make_demo.SECONDS * RATE))
    assert rms_db(audio.T) == pytest.approx(rms_db(sum(composed.values())), abs=1)
