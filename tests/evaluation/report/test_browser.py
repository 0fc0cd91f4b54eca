"""The report as a browser shows it; needs chromium and its driver (on Debian, the packages of these names)."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from partita.evaluation.report import write_report
from partita.evaluation.results import Run
from tests.evaluation.fake_runs import SOURCES, fake_excerpt, fake_song

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="there is no chromium: apt-get install chromium chromium-driver"
)
NAN = np.nan


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1200,900",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """The report of two runs, opened."""
    first = {"Zebra": [3, NAN], "Ape": [1, 5], "Bear 10": [NAN, 6], "Bear 9": [-2, 7]}
    second = {name: np.array(scores) + 1 for name, scores in first.items()}
    runs = [
        Run(
            name,
            SOURCES,
            1,
            1,
            tuple(fake_song(song, scores, scores) for song, scores in songs.items()),
            excerpts=(fake_excerpt(seconds=1.5), fake_excerpt("best", seconds=2.5, sample_rate=48000)),
        )
        for name, songs in (("first", first), ("second", second))
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(runs, path)
    browser.get(path.as_uri())
    return browser


def songs(page):
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, "#sdr .songs tbody th")]


def test_it_loads_without_errors_and_without_a_network(page):
    assert page.title == "Evaluation of separated stems"
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    loaded = [request["request"]["url"] for request in requests if request["documentURL"].startswith("file:")]
    assert [address for address in loaded if not address.startswith("data:")] == [page.current_url]
    assert len(loaded) > 1


def test_a_heading_sorts_its_column(page):
    assert songs(page) == ["Zebra", "Ape", "Bear 10", "Bear 9"]
    heading = page.find_element(By.XPATH, "//*[@id='sdr']//th[.//button[contains(@aria-label, 'drums, run A')]]")
    button = heading.find_element(By.TAG_NAME, "button")
    button.click()
    assert songs(page) == ["Bear 9", "Ape", "Zebra", "Bear 10"]
    assert heading.get_attribute("aria-sort") == "ascending"
    button.click()
    assert songs(page) == ["Zebra", "Ape", "Bear 9", "Bear 10"]  # what has no score stays last
    assert heading.get_attribute("aria-sort") == "descending"
    page.find_element(By.CSS_SELECTOR, "#sdr .songs button[data-numeric='0']").click()
    assert songs(page) == ["Ape", "Bear 9", "Bear 10", "Zebra"]
    assert len(page.find_elements(By.CSS_SELECTOR, "#sdr [aria-sort]")) == 1
    page.find_element(By.XPATH, "//*[@id='sdr']//button[contains(@aria-label, 'mean, run B')]").click()
    assert songs(page) == ["Bear 9", "Ape", "Zebra", "Bear 10"]


def test_one_score_is_shown_at_a_time(page):
    def shown():
        return [
            panel.get_attribute("id") for panel in page.find_elements(By.CLASS_NAME, "panel") if panel.is_displayed()
        ]

    assert shown() == ["sdr"]
    page.find_element(By.CSS_SELECTOR, ".switch input[value='song-sdr']").click()
    assert shown() == ["song-sdr"]
    dots = page.find_elements(By.CSS_SELECTOR, "#song-sdr .boxes use")
    assert any(dot.rect["width"] > 1 for dot in dots)
    page.find_element(By.CSS_SELECTOR, ".switch input[value='sdr']").click()
    assert shown() == ["sdr"]


def test_sounds_play_and_pictures_show(page):
    players = page.find_elements(By.CSS_SELECTOR, ".excerpts[open] audio")
    assert len(players) == 6
    for player, seconds in zip(players, [1.5] * 3 + [2.5] * 3, strict=True):
        page.execute_script("arguments[0].scrollIntoView()", player)
        WebDriverWait(page, 20).until(lambda _, player=player: player.get_property("readyState"))
        assert player.get_property("duration") == pytest.approx(seconds, abs=0.06)
    pictures = page.find_elements(By.CSS_SELECTOR, ".excerpts[open] img")
    assert len(pictures) == 6
    assert all(picture.get_property("naturalWidth") > 100 for picture in pictures)
    assert page.get_log("browser") == []


def test_one_player_goes_on_where_another_was(page):
    first, second = page.find_elements(By.CSS_SELECTOR, ".excerpts[open] audio")[3:5]
    page.execute_script(
        "arguments[0].muted = arguments[1].muted = true; arguments[0].currentTime = 1.25", first, second
    )
    page.execute_async_script("arguments[0].play().then(arguments[1])", first)
    page.execute_async_script("arguments[0].play().then(arguments[1])", second)
    assert first.get_property("paused")
    assert 1.25 <= second.get_property("currentTime") <= 2.5


@pytest.mark.parametrize("width", [375, 1200])
def test_nothing_sticks_out(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    assert page.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
