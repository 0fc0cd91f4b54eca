from __future__ import annotations

import json
import math

import numpy as np
import pytest
import soundfile

from tests.data.test_songs import make_song


def write(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, 44100, subtype="PCM_16")


@pytest.fixture
def songs(tmp_path):
    make_song(tmp_path / "songs" / "good [live]", seconds=1.0, stems=("drums", "vocals"))
    return tmp_path / "songs"


def test_a_good_data_set(command_line, songs):
    code, out, err = command_line("data", "check", songs)
    assert (code, err) == (0, "")
    assert "good [live]" in out
    assert out.splitlines()[-1] == "1 song, 0.00 h; no problems"


def test_every_problem_is_printed_on_a_line(command_line, songs):
    write(songs / "bad" / "drums.wav", np.zeros((88200, 2)))
    (songs / "bad" / "vocals.wav").write_text("no audio")
    code, out, _ = command_line("data", "check", "songs")
    assert code == 1
    lines = out.splitlines()
    assert "songs/bad: drums is silent" in lines
    assert any(line.startswith("songs/bad: songs/bad/vocals.wav: ") for line in lines)
    assert lines[-1] == "2 songs, 0.00 h; unreadable in 1, silent in 1"
    (row,) = [line.split() for line in lines if line.startswith(" bad")]
    assert row[1:] == ["0:02", "44100", "2", "silent", "unreadable", "unreadable,", "silent"]


def test_json(command_line, songs):
    mixture = sum(soundfile.read(songs / "good [live]" / f"{name}.wav")[0] for name in ("drums", "vocals"))
    write(songs / "good [live]" / "mixture.wav", 0.5 * mixture)
    code, out, err = command_line("data", "check", "songs", "--json")
    assert (code, err) == (1, "")
    facts = json.loads(out)
    assert facts["version"] == 1
    (song,) = facts["songs"]
    assert song["path"] == "songs/good [live]"
    assert song["mixture_error_db"] == pytest.approx(0, abs=0.1)  # the difference is as loud as the mixture
    assert [problem["kind"] for problem in song["problems"]] == ["sum"]
    track = song["tracks"]["drums"]
    assert (track["samples"], track["sample_rate"], track["channels"]) == (44100, 44100, 2)
    assert track["rms_db"] == pytest.approx(20 * math.log10(0.4 / 3**0.5), abs=0.1)


def test_sources_choose_the_stems(command_line, songs):
    write(songs / "good [live]" / "noise.wav", np.zeros((100, 1)))
    assert command_line("data", "check", "songs")[0] == 1
    assert command_line("data", "check", "songs", "--sources", "drums, vocals")[0] == 0


def test_wrong_usage(command_line, songs):
    assert command_line("data", "check", "missing")[0] == 2
    assert command_line("data", "check")[0] == 2
    code, _, err = command_line("data", "check", "songs", "--sources", "drums,,bass")
    assert code == 2
    assert "--sources" in err
    (songs / "songs.toml").write_text("[stem]")
    code, _, err = command_line("data", "check", "songs")
    assert code == 2
    assert "did you mean 'stems'" in err


def test_a_folder_without_songs(command_line, songs):
    code, _, err = command_line("data", "check", songs, "--sources", "piano")
    assert code == 1
    assert "no song in it has any of the stems piano" in err
