"""The public interface as a user's type checker sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).parent.parent

SCRIPT = """
from pathlib import Path

import numpy as np

import partita


def stems_of(folder: Path) -> dict[str, list[Path]]:
    separator = partita.Separator("default", overlap=0.1, shifts=2)
    written: dict[str, list[Path]] = {}
    for song in folder.glob("*.mp3"):
        written[song.stem] = list(separator.separate_file(song, folder / "out", format="flac", bits="24").values())
    return written


def loudest(samples: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> str:
    stems: partita.Stems = partita.separate(samples, sample_rate=44100, overlap=0.5)
    stems.save("out")
    return max(stems, key=lambda name: float(np.abs(stems[name]).max()))


def stream(song: bytes) -> int:
    return sum(block.stems.shape[-1] for block in partita.Separator().stream(song))


parameters: int = partita.load_model("default").parameter_count()
names: list[str] = [model.name for model in partita.list_models()]
"""

MISTAKES = {
    'separator.separate_file("a.mp3", "out", fromat="flac")': "fromat",
    'separator.separate_file("a.mp3", "out", bits=24)': "bits",
    'partita.separate("a.mp3", overlop=0.5)': "overlop",
    'separator.separate("a.mp3").sample_rate.lower()': "lower",
    'partita.OutputOptions(format="aiff")': "format",
    'partita.Separator(backend="tensorflow")': "backend",
}


def check(path: Path) -> str:
    """Run mypy --strict as a user would; with a cache, since numpy's types take long to read."""
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / ".mypy_cache" / "users", path],
        cwd=path.parent, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return result.stdout + result.stderr


def test_a_users_script_is_accepted_and_mistakes_are_found(tmp_path):
    right = tmp_path / "right.py"
    right.write_text(SCRIPT)
    assert check(right).startswith("Success")

    wrong = tmp_path / "wrong.py"
    wrong.write_text("import partita\nseparator = partita.Separator()\n" + "\n".join(MISTAKES) + "\n")
    errors = check(wrong).splitlines()
    for number, word in enumerate(MISTAKES.values(), start=3):
        assert any(f"wrong.py:{number}: error" in line and word in line for line in errors), errors
