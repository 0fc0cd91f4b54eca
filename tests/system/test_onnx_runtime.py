from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / "src" / "partita" / "system" / "onnx_runtime.py"

# what telemetry sends, it sends some ten seconds after the library was loaded
SEPARATE = """
import time
import numpy
import partita
from typer.testing import CliRunner
from partita.cli.entry import app

noise = numpy.random.default_rng(0).uniform(-0.5, 0.5, (2, 44100)).astype(numpy.float32)
partita.separate(noise, threads=1)
report = CliRunner().invoke(app, ["doctor"])
assert report.exit_code == 0 and "onnxruntime" in report.output, report
time.sleep(16)
partita.separate(noise, threads=1)
print("done")
"""


def imported(path: Path) -> set[str]:
    """Return the packages that a file imports, inside its functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_everything_imports_it_from_one_place():
    folders = ("src", "songbook", "benchmarks", "experiments", "demo", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    assert [path for path in files if "onnxruntime" in imported(path)] == [HOME]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], str | None]:
    """The files that a process with a home of its own leaves behind, and what strace saw of it if there is strace."""
    folder = tmp_path_factory.mktemp("telemetry")
    places = {name: folder / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    for place in (*places.values(), folder / "work"):
        place.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "PARTITA_", "COVERAGE_"))
    }
    environment |= {name: str(place) for name, place in places.items()} | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", SEPARATE]
    log = folder / "strace.log"
    if strace := shutil.which("strace"):
        command = [strace, "-f", "-qq", "-e", "trace=socket,connect,sendto,openat,mkdir", "-o", str(log), *command]
    done = subprocess.run(command, env=environment, cwd=folder / "work", capture_output=True, text=True, timeout=300)
    assert done.stdout == "done\n", done.stderr
    left = [path for place in (*places.values(), folder / "work") for path in place.rglob("*")]
    return left, log.read_text(errors="replace") if strace else None


def test_a_separation_leaves_nothing_behind(trace):
    assert trace[0] == []


def test_a_separation_opens_no_socket_and_writes_no_file(trace):
    calls = trace[1]
    if calls is None:
        pytest.skip("strace is not installed")
    assert "openat(" in calls
    assert not re.findall(r"(?:socket|connect|sendto)\(.*", calls)
    written = re.findall(r'openat\(.*?"(.*?)", .*(?:O_CREAT|O_WRONLY|O_RDWR|O_TMPFILE).*\) = \d', calls)
    assert [path for path in written if not path.startswith(("/dev/", "/proc/", "/sys/"))] == []
