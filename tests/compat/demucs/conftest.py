from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from partita.zoo.bag import write_bag

CHECKPOINT = Path(__file__).parents[2] / "zoo" / "published" / "demucs-2021.th"
SOURCES = ["drums", "bass", "other", "vocals"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("PARTITA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path, home):  # noqa: ARG001
    """A folder with two checkpoints and a bag of them."""
    folder = tmp_path / "repo"
    folder.mkdir()
    shutil.copy(CHECKPOINT, folder / "11111111.th")
    shutil.copy(CHECKPOINT.with_name("demucs-2021-qat.th"), folder / "22222222-abcd.th")
    (folder / "both.yaml").write_text(
        "# two models\nmodels: ['11111111', '22222222']\n"
        "weights: [\n  [1., 0., 1., 0.],\n  [0., 1., 1., 3.],\n]\nsegment: 2\n"
    )
    return folder


@pytest.fixture
def bag(tmp_path, convolutional, recurrent):
    """An installed bag: drums of one model, the other stems of another."""
    for package in (convolutional, recurrent):
        shutil.copytree(package.folder, tmp_path / "models" / package.name)
    folder = tmp_path / "models" / "bag"
    folder.mkdir()
    write_bag(
        folder,
        name="bag",
        description="two models",
        licence="CC0-1.0",
        like=convolutional.card,
        members=["convolutional", "recurrent"],
        weights=[[1, 0, 0, 1], [0, 1, 1, 3]],
        segment=1.0,
    )
    return folder
