from __future__ import annotations

import shutil

import pytest

from partita.zoo import find_package, list_models
from partita.zoo.bag import write_bag


@pytest.fixture
def models(home, convolutional, recurrent):
    """The folder of installed models with a whole package, a damaged one and two bags."""
    folder = home / "models"
    shutil.copytree(convolutional.folder, folder / "mine")
    shutil.copytree(recurrent.folder, folder / "cut")
    (folder / "cut" / "model.safetensors").unlink()
    for name, member in (("bag", "mine"), ("half", "missing")):
        (folder / name).mkdir()
        write_bag(
            folder / name,
            name=name,
            description="a bag",
            licence="CC0-1.0",
            like=recurrent.card,
            members=["mine", member][: 1 + (member != "mine")],
            weights=[[1.0] * 4] * (1 + (member != "mine")),
        )
    return folder


@pytest.mark.usefixtures("models")
def test_models_have_a_status():
    found = {model.name: model for model in list_models()}
    status = {name: model.status for name, model in found.items()}
    assert (status["default"], status["mine"], status["htdemucs"]) == ("embedded", "installed", "available")
    assert (status["bag"], status["half"], status["cut"]) == ("installed", "incomplete", "damaged")
    assert next(iter(found)) == "default"
    assert list(found)[1:5] == ["bag", "cut", "half", "mine"]
    assert "model.safetensors" in found["cut"].description


@pytest.mark.usefixtures("models")
def test_all_models_have_the_same_facts():
    found = {model.name: model for model in list_models()}
    default = find_package("default")
    assert found["default"].card == default.card
    assert found["default"].size == default.size
    assert found["bag"].size == found["mine"].size
    assert (found["bag"].members, found["half"].members) == (("mine",), ("mine", "missing"))
    assert found["htdemucs_ft"].members[3] == "04573f0d"
    assert found["htdemucs"].size == 84_000_000
    assert found["htdemucs"].files[0].sha256 == "8726e21a"
    for model in found.values():
        assert model.status == "damaged" or (model.sources and model.licence and model.description)
    assert found["htdemucs_6s"].sources[-1] == "piano"


def test_weights_are_not_read(models):
    weights = models / "mine" / "model.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert {model.name: model.status for model in list_models()}["mine"] == "installed"
