from __future__ import annotations

import json

import numpy as np

from partita.cli.scores import ProgressBars, print_runs, save_evaluation
from partita.evaluation.results import METRICS, Run, SongScores
from partita.evaluation.run import EvaluationProgress

SOURCES = ("drums", "vocals")


def run(name, *songs, **facts):
    scores = [
        SongScores(song, 2.0, {metric: np.array([[1.0, 2.0, 6.0], [np.nan] * 3]) for metric in METRICS})
        for song in songs
    ]
    return Run(name, SOURCES, 1.0, 1.0, tuple(scores), **facts)


def test_tables_hold_medians_and_a_dash_without_a_score(capsys):
    print_runs([run("mine", "one", "[two]"), run("empty")], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mine: SDR of each song")
    assert [line.split() for line in lines[1:4]] == [["song", *SOURCES], ["one", "2.00", "-"], ["[two]", "2.00", "-"]]
    assert any(line.split()[:3] == ["SDR", "2.00", "-"] for line in lines)
    assert not any("empty" in line for line in lines)


def test_json_is_what_is_saved(capsys, tmp_path):
    runs = [run("mine", "one", failures={"two": "it is broken"})]
    print_runs(runs, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    save_evaluation(runs, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "scores.json").read_text()) == printed
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


def test_without_scores_there_is_no_report(tmp_path):
    save_evaluation([run("empty", failures={"one": "it is broken"})], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_failures_are_printed_as_they_happen(capsys):
    with ProgressBars(quiet=True) as bars:
        bars.update(EvaluationProgress("mine", 0, 2))
        bars.update(EvaluationProgress("mine", 1, 2, "one"))
        bars.update(EvaluationProgress("mine", 2, 2, "two", "vocals.wav: it is broken"))
    assert capsys.readouterr().err == "error: mine, two: vocals.wav: it is broken\n"
