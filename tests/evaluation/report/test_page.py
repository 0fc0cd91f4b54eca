from __future__ import annotations

import numpy as np

from partita.evaluation.report.page import decibels, plain, probability, signed
from partita.evaluation.results import Run
from tests.evaluation.fake_runs import fake_excerpt, fake_run

from .pages import Page, report

NAN, INF = np.nan, np.inf
NASTY = "</td><script>alert(1)</script> & \"quoted\" 'n' $x_1$ {{ 7 * 7 }} Für Elise 夜曲"


def test_names_are_text_whatever_they_hold(tmp_path):
    run = fake_run(NASTY, {NASTY: [1, 2]}, (NASTY, "vocals"), failures={"lost": NASTY})
    excerpts = (fake_excerpt(song=NASTY, source=NASTY),)
    run = Run(run.name, run.sources, 1, 1, run.songs, run.failures, excerpts)
    text = report(tmp_path, run, run, title=NASTY)
    page = Page(text)
    assert "<script>alert" not in text
    assert page.headings[0] == NASTY
    assert page.tables["songs"][2][0] == NASTY
    assert page.tables["summary"][0][2] == NASTY
    assert page.tables["failures"][1] == [f"A{NASTY}", "lost", NASTY]
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    run = fake_run("a", {"one": [1, 2]}, excerpts=(fake_excerpt(),))
    text = report(tmp_path, run, run)
    page = Page(text)
    assert len(page.links) > 10
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "url(http" not in text
    assert "@import" not in text
    (policy,) = [found["content"] for tag, found in page.tags if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_identifiers_are_unique(tmp_path):
    run = fake_run("a", {"one": [1, 1], "two": [1, 1]})
    names = [found["id"] for _, found in Page(report(tmp_path, run, run)).tags if "id" in found]
    assert len(names) == len(set(names)) > 10


def test_failures_are_listed(tmp_path):
    good = fake_run("good", {"one": [1, 2]})
    bad = fake_run("bad", {}, failures={"one": "one/drums.wav: is not audio", "two": "two: has no vocals"})
    page = Page(report(tmp_path, good, bad))
    assert page.tables["failures"][1:] == [
        ["Bbad", "one", "one/drums.wav: is not audio"],
        ["Bbad", "two", "two: has no vocals"],
    ]
    assert page.tables["summary"][2] == ["Bbad"] + ["\N{EN DASH}"] * 3
    assert "Songs without scores" not in Page(report(tmp_path, good)).headings


def test_a_run_in_which_every_song_failed(tmp_path):
    page = Page(report(tmp_path, fake_run("bad", {}, failures={"one": "silent"})))
    assert page.headings == ["Evaluation of separated stems", "Summary", "Songs without scores"]


def test_worst_excerpts_come_before_the_best(tmp_path):
    excerpts = (fake_excerpt("best"), fake_excerpt("worst"), fake_excerpt("best"))
    page = Page(report(tmp_path, fake_run("a", {"one": [1, 2]}, excerpts=excerpts)))
    assert page.headings[-2:] == ["Worst", "Best"]
    assert [tag for tag, _ in page.tags].count("article") == 3


def test_how_numbers_are_written():
    assert [decibels(value) for value in (None, NAN, INF, -INF, -0.001, -1.5)] == [
        "\N{EN DASH}",
        "\N{EN DASH}",
        "\N{INFINITY}",
        "\N{MINUS SIGN}\N{INFINITY}",
        "0.00",
        "\N{MINUS SIGN}1.50",
    ]
    assert [signed(value) for value in (None, 0.5, -0.5, 0.001)] == [
        "\N{EN DASH}",
        "+0.50",
        "\N{MINUS SIGN}0.50",
        "0.00",
    ]
    assert [plain(value) for value in (1.25, INF, -INF)] == ["1.25", "Infinity", "-Infinity"]
    assert [probability(value) for value in (None, 0.0004, 0.25)] == ["\N{EN DASH}", "< 0.001", "0.250"]
