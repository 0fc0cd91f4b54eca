from __future__ import annotations

import sys

import pytest

from partita.cli import main
from tests.data.test_songs import make_song
from tests.training.test_run import CONFIG

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own


@pytest.fixture
def partita(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["partita", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return exit_.value.code or 0, printed.out, printed.err

    return run


def test_a_trained_run_separates(partita, tmp_path):
    folder = make_song(tmp_path / "songs" / "a", seconds=1.0)
    (tmp_path / "config.toml").write_text(CONFIG.format(steps=3, ema=0.9))
    code, out, _ = partita("train", "config.toml", "--data", "songs", "--valid", "songs", "-o", "run", "--steps", "2")
    assert code == 0
    assert out.splitlines()[-1] == "run"
    assert partita("separate", str(folder / "drums.wav"), "-m", "run")[0] == 0
    assert (tmp_path / "separated" / "tiny" / "drums" / "vocals.wav").is_file()


def test_wrong_configurations_and_data_are_one_line(partita, tmp_path):
    (tmp_path / "config.toml").write_text("[optim]\nspeed = 3")
    code, _, err = partita("train", "config.toml", "--data", "songs")
    assert code == 2
    assert "optim.speed" in err
    (tmp_path / "config.toml").write_text("")
    code, _, err = partita("train", "config.toml", "--data", "songs")
    assert code == 1
    assert "songs: no such folder" in err
