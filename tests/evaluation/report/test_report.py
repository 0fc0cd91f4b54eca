from __future__ import annotations

import sys

import pytest

from partita.errors import ConfigError, OutputError
from tests.evaluation.fake_runs import fake_excerpt, fake_run

from .pages import report


def test_the_same_runs_give_the_same_bytes(tmp_path):
    runs = [fake_run(name, {"one": [1, 2], "two": [3, 5]}, excerpts=(fake_excerpt(),)) for name in "ab"]
    assert report(tmp_path, *runs) == report(tmp_path, *runs)


@pytest.mark.parametrize("count", [0, 27])
def test_too_few_or_too_many_runs(tmp_path, count):
    with pytest.raises(ConfigError, match=rf"^runs: a report takes 1 to 26 of them, not {count}$"):
        report(tmp_path, *[fake_run("a", {})] * count)


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "scipy"])
def test_a_missing_package(tmp_path, monkeypatch, package):
    for name in list(sys.modules):
        if name.startswith("partita.evaluation.report."):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"^this needs {package}, which the extra 'evaluate' installs"):
        report(tmp_path, fake_run("a", {"one": [1, 2]}))
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        report(tmp_path, fake_run("a", {"one": [1, 2]}))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
