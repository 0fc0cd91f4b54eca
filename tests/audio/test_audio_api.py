from __future__ import annotations

import subprocess
import sys

from partita import audio


def test_public_names_are_sorted_and_exist():
    assert audio.__all__ == sorted(audio.__all__)
    assert all(hasattr(audio, name) for name in audio.__all__)


def test_import_is_cheap():
    script = "import sys, partita.audio; print(sorted({'av', 'scipy', 'torch'} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
