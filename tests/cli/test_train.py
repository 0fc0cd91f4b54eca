from __future__ import annotations

import pytest

from tests.data.test_songs import make_song
from tests.training.test_run import CONFIG

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own


def test_a_trained_run_separates(command_line, tmp_path):
    folder = make_song(tmp_path / "songs" / "a", seconds=1.0)
    (tmp_path / "config.toml").write_text(CONFIG.format(steps=3, ema=0.9))
    code, out, _ = command_line(
        "train", "config.toml", "--data", "songs", "--valid", "songs", "-o", "run", "--steps", "2"
    )
    assert code == 0
    assert out.splitlines()[-1] == "run"
    assert command_line("separate", str(folder / "drums.wav"), "-m", "run")[0] == 0
    assert (tmp_path / "separated" / "tiny" / "drums" / "vocals.wav").is_file()


def test_wrong_configurations_and_data_are_one_line(command_line, tmp_path):
    (tmp_path / "config.toml").write_text("[optim]\nspeed = 3")
    code, _, err = command_line("train", "config.toml", "--data", "songs")
    assert code == 2
    assert "optim.speed" in err
    (tmp_path / "config.toml").write_text("")
    code, _, err = command_line("train", "config.toml", "--data", "songs")
    assert code == 1
    assert "songs: no such folder" in err
