from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from partita.errors import ModelError
from partita.zoo import find_package, open_package
from partita.zoo.export import write_card
from partita.zoo.package import file_sha256


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "outer_decoder.onnx"])
def test_a_changed_file_is_refused(convolutional, tmp_path, name):
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name}.*sha256"):
        open_package(folder)


def test_a_missing_file_is_named(convolutional, tmp_path):
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: missing"):
        open_package(folder)


@pytest.mark.parametrize("name", ["model.onnx", "recurrence.onnx"])
def test_a_graph_that_is_not_in_the_card_is_refused(convolutional, tmp_path, name):
    """Its file is there, but nothing tells whether it was changed."""
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    graphs = {other: digest for other, digest in convolutional.card.graphs.items() if other != name}
    write_card(replace(convolutional.card, graphs=graphs), folder)
    with pytest.raises(ModelError, match=rf"card\.toml: graphs: '{name}' is missing"):
        open_package(folder)


def test_the_size_is_that_of_the_package_not_of_the_folder(convolutional, tmp_path):
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    (folder / "metrics.csv").write_bytes(bytes(10_000_000))
    package = open_package(folder)
    files = [path.stat().st_size for path in folder.iterdir() if path.name != "metrics.csv"]
    assert len(files) == 8  # the card, the weights, and the graphs of the core and of its five stages
    assert package.size == convolutional.size == sum(files)


def test_a_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_only_embedded_packages_ship(tmp_path):
    package = find_package("default")
    assert package.ships
    assert not open_package(shutil.copytree(package.folder, tmp_path / "default")).ships
