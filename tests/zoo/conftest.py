from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.conftest import one_thread

__all__ = ["home", "one_thread"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the user's models."""
    monkeypatch.setenv("PARTITA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PARTITA_MIRROR", raising=False)
    return tmp_path / "home"
