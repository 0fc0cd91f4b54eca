from __future__ import annotations

import math
import shutil

import pytest

from partita.compat.demucs import repo as names
from partita.compat.demucs.repo import LocalRepo, find, longest_segment, offline, published_name, signatures
from partita.errors import ModelError
from partita.zoo import Bag, Package, find_package
from partita.zoo.registry import installed_names

pytestmark = pytest.mark.usefixtures("home")


def test_names_and_folders_are_those_of_partita(convolutional):
    assert find(str(convolutional.folder)).name == "convolutional"


def test_signatures_are_those_of_the_published_files():
    assert signatures()["955717e8"].endswith("/955717e8-8726e21a.th")
    assert published_name("955717e8") == "htdemucs"
    assert published_name("f7e0c4bc") == "f7e0c4bc"  # a member of a bag, which has no other name
    assert published_name("mine") == "mine"


def test_an_installed_name_is_no_signature(home, convolutional):
    shutil.copytree(convolutional.folder, home / "models" / "955717e8")
    assert published_name("955717e8") == "955717e8"


@pytest.mark.parametrize(("value", "off"), [(None, False), ("", False), ("0", False), ("1", True), ("true", True)])
def test_downloads_can_be_forbidden(monkeypatch, value, off):
    monkeypatch.delenv("PARTITA_OFFLINE", raising=False)
    if value is not None:
        monkeypatch.setenv("PARTITA_OFFLINE", value)
    assert offline() is off
    if off:
        with pytest.raises(ModelError, match="htdemucs: htdemucs is not installed, and downloads are off"):
            find("htdemucs")


def test_the_size_of_a_download_is_announced(monkeypatch, capsys, convolutional):
    def get(name, *, announce, **_):
        announce(f"{name}: about 84 MB")
        return convolutional

    monkeypatch.setattr(names, "get_model", get)
    assert find("955717e8") is convolutional
    assert capsys.readouterr().err == "htdemucs: about 84 MB\n"


def test_a_checkpoint_is_imported_once(repo, monkeypatch):
    package = LocalRepo(repo).get("11111111")
    assert isinstance(package, Package)
    assert installed_names() == [package.name]
    monkeypatch.setattr(names, "import_checkpoint", None)
    assert find("11111111", repo) == package
    assert longest_segment(package) == math.inf


def test_a_bag_has_the_shares_of_its_weights(repo):
    bag = find("both", str(repo))
    assert isinstance(bag, Bag)
    assert [member.weights for member in bag.members] == [(1, 0, 0.5, 0), (0, 1, 0.5, 1)]
    assert (bag.name, bag.segment) == ("both", 2)
    assert longest_segment(bag) == math.inf
    (repo / "both.yaml").write_text("models: ['11111111', '22222222']\n")
    assert [member.weights for member in find("both", repo).members] == [(0.5,) * 4] * 2


def test_transformers_limit_the_segment(recurrent, monkeypatch):
    card = find_package(recurrent.folder).card
    monkeypatch.setattr(type(card), "architecture", "hybrid-transformer-demucs", raising=False)
    object.__setattr__(card, "architecture", "hybrid-transformer-demucs")
    assert longest_segment(Package(recurrent.folder, card)) == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "models: []",
        "models: ['11111111'",
        "weights: [[1, 1, 1, 1]]",
        "models: ['11111111']\nweights: [[1, 2]]",
        "\0",
    ],
)
def test_a_file_that_is_no_bag_is_named(repo, content):
    (repo / "both.yaml").write_text(content)
    with pytest.raises(ModelError, match=r"both\.yaml: not a bag of models"):
        find("both", repo)


def test_a_model_that_is_not_in_the_folder(repo, tmp_path):
    with pytest.raises(ModelError, match=r"'33333333': no such model in .*, which contains 11111111, 22222222, both"):
        find("33333333", repo)
    with pytest.raises(ModelError, match="missing: not a folder"):
        find("11111111", tmp_path / "missing")
    shutil.copy(repo / "11111111.th", repo / "11111111-abcd.th")
    with pytest.raises(ModelError, match="two files have the signature '11111111'"):
        find("11111111", repo)
