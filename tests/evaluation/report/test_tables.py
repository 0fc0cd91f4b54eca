from __future__ import annotations

import re

import numpy as np

from partita.evaluation.results import Run
from tests.evaluation.fake_runs import SOURCES, fake_run, fake_song

from .pages import Page, report

NAN, INF = np.nan, np.inf


def test_the_summary_has_the_published_figures(tmp_path):
    first = fake_run("first", {"one": [1, 10], "two": [2, 20], "three": [6, 30]})
    second = fake_run("second", {"one": [0, 10], "two": [-4.125, 25], "three": [0, 35]})
    text = report(tmp_path, first, second)
    rows = Page(text).tables["summary"]
    assert rows[0] == ["Score (dB)", "Run", "drums", "vocals", "mean"]
    assert rows[1] == ["SDR median over songs", "Afirst", "2.00", "20.00", "11.00"]
    assert rows[2] == ["Bsecond", "0.00", "25.00", "12.50"]
    assert [row[0] for row in rows[3::2]] == [
        "SIR median over songs",
        "ISR median over songs",
        "SAR median over songs",
        "Whole-song SDR mean over songs",
        "SI-SDR mean over songs",
    ]
    assert rows[9][1:] == ["Afirst", "4.00", "21.00", "12.50"]
    assert rows[10] == ["Bsecond", "\N{MINUS SIGN}0.38", "24.33", "11.98"]
    assert best_of(text) == ["2.00", "25.00", "12.50"]


def best_of(text):
    """Return the cells of the first score that are marked as the best."""
    return re.findall(r'<td class="number best">(.*?)</td>', text.split("</tbody>")[0])


def test_the_best_model_is_marked_and_no_oracle(tmp_path):
    runs = [
        fake_run("worse", {"one": [1, 2]}),
        fake_run("irm2", {"one": [9, 9]}, oracle=True),
        fake_run("better", {"one": [3, 1]}),
        fake_run("mixture", {"one": [4, 1.5]}, oracle=True),
    ]
    text = report(tmp_path, *runs)
    assert best_of(text) == ["2.00", "3.00", "2.00"]
    assert "Oracles and the mixture are bounds" in text


def test_a_single_model_has_no_rival_in_an_oracle(tmp_path):
    runs = [fake_run("model", {"one": [1, 2]}), fake_run("irm2", {"one": [9, 9]}, oracle=True)]
    text = report(tmp_path, *runs)
    assert best_of(text) == []
    assert "The best model" not in text


def test_infinite_scores_do_not_count_in_means(tmp_path):
    songs = (fake_song("one", [1], [INF]), fake_song("two", [1], [-3]), fake_song("three", [1], [NAN]))
    rows = Page(report(tmp_path, Run("a", ("drums",), 1, 1, songs))).tables["summary"]
    assert rows[5][1:] == ["Aa", "\N{MINUS SIGN}3.00"]


def test_songs_of_all_runs_side_by_side(tmp_path):
    first = fake_run("first", {"one": [1, NAN], "two": [2, 20]})
    second = fake_run("second", {"two": [3, 21], "three": [-INF, NAN]})
    text = report(tmp_path, first, second)
    rows = Page(text).tables["songs"][:5]
    assert rows[0] == ["Song", "Length", "drums", "vocals", "mean"]
    assert rows[1] == ["A", "B"] * 3
    dash = "\N{EN DASH}"
    assert rows[2] == ["one", "1:00", "1.00", dash, dash, dash, "1.00", dash]
    assert rows[3] == ["two", "1:00", "2.00", "3.00", "20.00", "21.00", "11.00", "12.00"]
    assert rows[4] == ["three", "1:00", dash, dash, dash, dash, dash, dash]
    assert f'<td class="number">{dash}</td>' in text  # no value to sort by
    assert '<td class="number first" data-value="20">20.00</td>' in text


def test_energy_at_silence(tmp_path):
    loud = fake_song("one", [1, 2], silence=[[NAN] * 4, [-60, -50, NAN, -40]])
    quiet = fake_song("one", [1, 2], silence=[[-INF, -INF, -INF, -70], [NAN] * 4])
    other = fake_song("two", [1, 2])
    runs = [Run(name, SOURCES, 1, 1, (song, other)) for name, song in (("loud", loud), ("quiet", quiet))]
    minus = "\N{MINUS SIGN}"
    assert Page(report(tmp_path, *runs)).tables["silence"] == [
        ["Source", "Run", "Silent frames", "Median", "95th percentile"],
        ["drums", "Bquiet", "4", f"{minus}\N{INFINITY}", f"{minus}70.0"],
        ["vocals", "Aloud", "3", f"{minus}50.0", f"{minus}40.0"],
    ]


def test_scores_of_museval_have_no_whole_songs(tmp_path):
    page = Page(report(tmp_path, Run("a", SOURCES, 1, 1, (fake_song("one", [1, 2]),))))
    assert len(page.tables["summary"]) == 5
    assert "silence" not in page.tables
