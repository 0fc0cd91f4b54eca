from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from partita.errors import ConfigError, OutputError
from partita.evaluation import save_runs
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
def test_a_missing_package(tmp_path, package):
    """In a process that cannot import it."""
    save_runs([fake_run("a", {"one": [1, 2]})], tmp_path / "scores.json")
    code = f"""
        import sys
        sys.modules[{package!r}] = None
        from partita.evaluation import load_runs
        from partita.evaluation.report import write_report
        write_report(load_runs({str(tmp_path / "scores.json")!r}), {str(tmp_path / "report.html")!r})
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert f"ConfigError: this needs {package}, which the extra 'evaluate' installs" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        report(tmp_path, fake_run("a", {"one": [1, 2]}))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
