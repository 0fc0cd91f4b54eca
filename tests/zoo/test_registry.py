from __future__ import annotations

import sys

import pytest
import torch

from partita.errors import ModelError
from partita.system.extras import missing_extra
from partita.zoo import find_package, load_model
from partita.zoo.registry import embedded_names, is_present, known_names


def test_a_name_or_a_folder_is_found(convolutional):
    assert find_package("default").card.name == "default"
    assert find_package() == find_package("default")
    assert find_package(convolutional.folder).card == convolutional.card
    assert find_package(str(convolutional.folder)).card == convolutional.card


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ModelError, match=r"no model 'defalt': did you mean 'default'\?.*folder of a model package"):
        find_package("defalt")


def test_a_model_is_loaded_by_name_folder_or_package(convolutional):
    mixture = torch.randn(1, 2, 5000, generator=torch.Generator().manual_seed(0))
    expected = convolutional.load_torch()(mixture)
    assert expected.shape == (1, 4, 2, 5000)
    for model in (convolutional, convolutional.folder, str(convolutional.folder)):
        loaded = load_model(model)
        assert not loaded.training
        assert torch.equal(loaded(mixture), expected)


def test_without_torch_loading_says_what_to_install(convolutional, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("safetensors.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError) as caught:
        load_model(convolutional)
    assert str(caught.value) == missing_extra("torch", "torch")


def test_the_embedded_packages_are_whole():
    assert "default" in embedded_names()
    for package in map(find_package, embedded_names()):
        assert package.size <= 40e6
        assert package.card.licence
        package.load_torch()


def test_the_default_package_names_the_weights_it_was_trained_from():
    sha256 = find_package("default").card.training["init_sha256"]
    assert len(sha256) == 64
    assert sha256 != find_package("default").card.weights_sha256


def test_names_are_those_of_models_that_are_here_or_published(convolutional, tmp_path):
    assert {"default", "htdemucs", "umxhq"} <= set(known_names())
    assert is_present("default")
    assert is_present(str(convolutional.folder))
    assert not is_present("htdemucs")
    assert not is_present(str(tmp_path))
