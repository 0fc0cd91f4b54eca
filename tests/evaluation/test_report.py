from __future__ import annotations

import base64
import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image

from partita.errors import ConfigError, OutputError
from partita.evaluation.report import write_report
from partita.evaluation.report.figures import box_plot, limits, spectrograms, ticks
from partita.evaluation.report.page import decibels, plain, probability, signed
from partita.evaluation.results import Run
from tests.evaluation.fake_runs import SOURCES, fake_excerpt, fake_run, fake_song

NAN, INF = np.nan, np.inf
NASTY = "</td><script>alert(1)</script> & \"quoted\" 'n' $x_1$ {{ 7 * 7 }} Für Elise 夜曲"


class Page(HTMLParser):
    """The tables, links and headings of a page, as a reader sees them."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.links, self.headings, self.tags = {}, [], [], []
        self._table = self._cell = self._heading = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.links += [found[name] for name in ("src", "href", "xlink:href") if found.get(name)]
        if tag == "table":
            self._table = self.tables.setdefault(found["class"].split()[0], [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag in ("h1", "h2", "h3"):
            self._heading = []

    def handle_data(self, data):
        for place in (self._cell, self._heading):
            if place is not None:
                place.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._table[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag in ("h1", "h2", "h3"):
            self.headings.append(" ".join("".join(self._heading).split()))
            self._heading = None


def report(tmp_path, *runs, **options):
    path = tmp_path / "report.html"
    write_report(runs, path, **options)
    return path.read_text(encoding="utf-8")


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
    best = re.findall(r'<td class="number best">(.*?)</td>', text.split("</tbody>")[0])
    assert best == ["2.00", "25.00", "12.50"]


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


def test_the_same_runs_give_the_same_bytes(tmp_path):
    runs = [fake_run(name, {"one": [1, 2], "two": [3, 5]}, excerpts=(fake_excerpt(),)) for name in "ab"]
    assert report(tmp_path, *runs) == report(tmp_path, *runs)


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
    assert vocals[2:] == ["+0.50", "all songs differ by the same", "+0.50", "0.031", "6"]
    assert mean[2] == "+0.88"
    assert single[2:] == [
        "\N{MINUS SIGN}3.00",
        "a single song tells nothing of others",
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


def test_scores_of_museval_have_no_whole_songs(tmp_path):
    page = Page(report(tmp_path, Run("a", SOURCES, 1, 1, (fake_song("one", [1, 2]),))))
    assert len(page.tables["summary"]) == 5
    assert "silence" not in page.tables


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


def excerpt_of(tmp_path, **options):
    """Return what a page holds of an excerpt: heading, pictures, sounds as ``(channels, samples)`` with their rate."""
    excerpt = fake_excerpt(**options)
    text = report(tmp_path, fake_run("a", {"one": [1, 2]}, excerpts=(excerpt,)))
    files = {
        kind: [base64.b64decode(found) for found in re.findall(f'src="data:{kind};base64,([^"]+)"', text)]
        for kind in ("image/png", "audio/mpeg")
    }
    pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("L"), float) for file in files["image/png"]]
    sounds = [soundfile.read(io.BytesIO(file), always_2d=True) for file in files["audio/mpeg"]]
    return excerpt, text, pictures, [(samples.T, rate) for samples, rate in sounds]


def test_excerpts_are_heard_and_seen(tmp_path):
    excerpt, text, pictures, sounds = excerpt_of(tmp_path)
    assert "SDR \N{MINUS SIGN}3.25 dB" in text
    assert "one, 1:05 to 1:06" in text
    assert len(pictures) == len(sounds) == 3
    for (heard, rate), signal in zip(sounds, (excerpt.mixture, excerpt.estimate, excerpt.reference), strict=True):
        assert rate == 44100
        assert heard.shape[0] == 2
        assert abs(heard.shape[1] - signal.shape[1]) < 0.05 * rate
        assert heard.std() == pytest.approx(signal.std(), rel=0.1)  # as loud as it is, but for the highest frequencies
    mixture, estimate, reference = pictures
    height = mixture.shape[0]
    tone = int(height * (1 - 4 / 16))  # the row of 4 kHz, counted from 16 kHz
    for picture in pictures:
        assert abs(picture.mean(1).argmax() - tone) <= 1
    rows = slice(0, height // 2)  # above 8 kHz is only noise
    assert mixture[rows].mean() > estimate[rows].mean() + 10 > reference[rows].mean() + 20


@pytest.mark.parametrize(
    ("options", "channels", "rate"),
    [
        ({"channels": 1}, 1, 44100),
        ({"channels": 6}, 2, 44100),
        ({"sample_rate": 96000}, 2, 48000),
        ({"sample_rate": 8000}, 2, 8000),
        ({"seconds": 0.01}, 2, 44100),
    ],
)
def test_excerpts_of_any_kind(tmp_path, options, channels, rate):
    excerpt, _, pictures, sounds = excerpt_of(tmp_path, **options)
    for heard, heard_rate in sounds:
        assert (heard.shape[0], heard_rate) == (channels, rate)
        assert heard.shape[1] / rate == pytest.approx(excerpt.mixture.shape[1] / excerpt.sample_rate, abs=0.06)
    assert all(100 < picture.shape[0] < 260 for picture in pictures)


def test_loud_excerpts_are_turned_down_together(tmp_path):
    excerpt, _, _, sounds = excerpt_of(tmp_path, gain=1.0)
    peak = np.abs(excerpt.mixture).max()
    assert peak > 3
    reference = sounds[2][0]
    assert reference.std() == pytest.approx(excerpt.reference.std() / peak, rel=0.05)


def test_worst_excerpts_come_before_the_best(tmp_path):
    excerpts = (fake_excerpt("best"), fake_excerpt("worst"), fake_excerpt("best"))
    page = Page(report(tmp_path, fake_run("a", {"one": [1, 2]}, excerpts=excerpts)))
    assert page.headings[-2:] == ["Worst", "Best"]
    assert [tag for tag, _ in page.tags].count("article") == 3


def test_a_silent_spectrogram_is_black():
    silent, loud = spectrograms([np.zeros((1, 5000), np.float32), np.ones((1, 5000), np.float32)], 44100)
    assert np.asarray(Image.open(io.BytesIO(silent))).max() == 0
    assert np.asarray(Image.open(io.BytesIO(loud))).max() > 40


def test_a_box_plot_without_scores():
    plot = box_plot([np.array([NAN, INF]), np.array([1.0, 2.0, 3.0])], "AB", ["#ff0000", "#00ff00"], (0, 4), "key")
    assert plot.startswith("<svg viewBox=")
    assert "currentColor" in plot
    assert "#ff0000" not in plot
    assert "#00ff00" in plot


@pytest.mark.parametrize(
    ("values", "around_zero"), [([], False), ([3], False), ([3, 3], True), ([-1e-9, INF, NAN], True)]
)
def test_axes_have_room(values, around_zero):
    low, high = limits(values, around_zero=around_zero)
    assert all(low < value < high for value in values if np.isfinite(value))
    assert low < 0 < high or not around_zero
    assert 2 <= len(ticks((low, high))) <= 8


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


@pytest.mark.parametrize("count", [0, 27])
def test_too_few_or_too_many_runs(tmp_path, count):
    with pytest.raises(ConfigError, match=rf"^runs: a report is of 1 to 26 of them, not {count}$"):
        report(tmp_path, *[fake_run("a", {})] * count)


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "scipy"])
def test_a_missing_package(tmp_path, monkeypatch, package):
    for name in list(sys.modules):
        if name.startswith("partita.evaluation.report."):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"^reports need {package}: pip install 'partita\[evaluate\]'$"):
        report(tmp_path, fake_run("a", {"one": [1, 2]}))
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        report(tmp_path, fake_run("a", {"one": [1, 2]}))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
