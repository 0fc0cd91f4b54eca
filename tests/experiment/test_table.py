from __future__ import annotations

import numpy as np
import pytest

from partita.evaluation import Run, SongScores
from partita.evaluation.results import METRICS
from partita.experiment import as_markdown, load_experiment, table_of

SOURCES = ("drums", "vocals")


def run_of(sdr, sir=0.0):
    """A run of one song: an SDR for each source, a constant SIR; whole songs have 1 dB more."""
    frames = {metric: np.tile(np.reshape(sdr, (-1, 1)), 3) for metric in METRICS}
    frames["sir"] = np.full((2, 3), sir)
    whole = {"sdr": np.add(sdr, 1.0), "si_sdr": np.asarray(sdr)}
    return Run("run", SOURCES, 1.0, 1.0, (SongScores("song", 3.0, frames, whole),))


def test_a_row_for_each_system(plan, convolutional, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demucs-1").symlink_to(convolutional.folder)
    scores = {"ceiling": [run_of([8, 10], 15)], "demucs": [run_of([4, 6], 9), run_of([5, 9], 11)]}
    head, rows = table_of(load_experiment(plan), scores, tmp_path / "runs")
    assert head == ["system", "paper", "all", "drums", "vocals", "SIR", "song", "size", "seeds"]
    floor, ceiling, demucs, no_lstm = rows
    assert floor == ["floor", "-", "not run", "", "", "", "", "", ""]
    assert ceiling == ["ceiling", "8.22", "9.00", "8.00", "10.00", "15.00", "10.00", "-", "-"]
    # seeds: means 5 and 7, so 6 and a standard error of 1 / sqrt(2)
    assert demucs[:7] == ["demucs", "5.58", "6.00 ± 0.71", "4.50 ± 0.35", "7.50 ± 1.06", "10.00", "7.00"]
    assert demucs[7:] == [f"{convolutional.card.parameters / 1e6:.2f} M", "2"]
    assert no_lstm[2] == "not run"


def test_another_metric(plan, tmp_path):
    _, rows = table_of(load_experiment(plan), {"floor": [run_of([1, 3], 7)]}, tmp_path, metric="sir")
    assert rows[0][2:5] == ["7.00", "7.00", "7.00"]


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_score_that_no_song_has(plan, tmp_path, missing):
    _, rows = table_of(load_experiment(plan), {"floor": [run_of([missing, 3])]}, tmp_path)
    assert rows[0][3:5] == ["-", "3.00"]


def test_markdown():
    assert as_markdown(["system", "all"], [["a", "1.00"], ["b", "-"]]) == (
        "| system | all |\n| --- | ---: |\n| a | 1.00 |\n| b | - |"
    )
