from __future__ import annotations

from tests.evaluation.fake_runs import fake_run

from .pages import Page, report


def test_one_run_is_compared_with_nothing(tmp_path):
    page = Page(report(tmp_path, fake_run("only", {"one": [1, 2]})))
    assert "pairs" not in page.tables
    assert page.tables["songs"][0] == ["Song", "Length", "drums", "vocals", "mean"]
    assert page.tables["songs"][1] == ["one", "1:00", "1.00", "2.00", "1.50"]


def test_each_two_runs_are_compared(tmp_path):
    songs = {f"song {at}": [at, 2.0 * at] for at in range(6)}
    better = {name: [scores[0] + 1 + 0.1 * at, scores[1] + 0.5] for at, (name, scores) in enumerate(songs.items())}
    runs = [fake_run("a", songs), fake_run("b", better), fake_run("c", {"song 3": [0, 0]})]
    text = report(tmp_path, *runs)
    page = Page(text)
    assert [heading for heading in page.headings if "\N{MINUS SIGN}" in heading][:3] == [
        "Bb \N{MINUS SIGN} Aa",
        "Cc \N{MINUS SIGN} Aa",
        "Cc \N{MINUS SIGN} Bb",
    ]
    _, drums, vocals, mean, _, _, single, *_ = page.tables["pairs"]
    assert drums[2] == "+1.25"
    assert drums[4:] == ["+1.25", "0.031", "6"]
    low, high = (float(value) for value in drums[3].split(" to "))
    assert 1 < low < 1.25 < high < 1.5
    assert vocals[2:] == ["+0.50", "the difference is the same in every song", "+0.50", "0.031", "6"]
    assert mean[2] == "+0.88"
    assert single[2:] == [
        "\N{MINUS SIGN}3.00",
        "one song is too few",
        "\N{MINUS SIGN}3.00",
        "\N{EN DASH}",
        "1",
    ]
    assert "<title>song 0: +1.00 dB</title>" in text


def test_runs_of_other_sources(tmp_path):
    first, second = fake_run("a", {"one": [1, 2]}), fake_run("b", {"one": [7]}, ("keys",))
    text = report(tmp_path, first, second)
    page = Page(text)
    assert "These runs have no source in common." in text
    assert page.tables["summary"][0] == ["Score (dB)", "Run", "drums", "vocals", "keys", "mean"]
    dash = "\N{EN DASH}"
    assert page.tables["summary"][1][1:] == ["Aa", "1.00", "2.00", dash, "1.50"]
    assert page.tables["summary"][2] == ["Bb", dash, dash, "7.00", "7.00"]
