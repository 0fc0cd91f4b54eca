from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
import tomli_w

from partita.errors import ModelError
from partita.zoo import find_package
from partita.zoo.card import WindowLengths, read_card
from partita.zoo.export import write_card


def test_a_card_survives_being_written(convolutional, tmp_path):
    write_card(convolutional.card, tmp_path)
    assert read_card(tmp_path) == convolutional.card


def test_lengths_survive_being_written(convolutional, tmp_path):
    card = replace(convolutional.card, lengths=WindowLengths((4.0, 6.0), (10.0,)))
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card


def test_the_default_card_has_the_lengths_of_its_windows():
    assert find_package("default").card.lengths == WindowLengths((6.0,), (10.0,))


@pytest.mark.parametrize("segment", [6.0, 7.5, 10.0])
def test_known_lengths_need_no_warning(segment):
    assert WindowLengths((6.0,), (10.0,)).warning(segment) is None


@pytest.mark.parametrize("segment", [5.9, 20.0])
def test_other_lengths_are_warned_of(segment):
    warning = WindowLengths((6.0,), (10.0,)).warning(segment)
    assert warning.startswith(f"segment: {segment:g} s is outside")
    assert "trained on 6 s, measured with 10 s" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete model card: 'geometry'"),
        (b"name = ", "not valid TOML"),
        (b"name = 'x'", "not a complete model card"),
        (b"\xff", "not a text file"),
    ],
)
def test_a_broken_card_is_named(tmp_path, content, message):
    (tmp_path / "card.toml").write_bytes(content)
    with pytest.raises(ModelError, match=rf"card\.toml: .*{message}"):
        read_card(tmp_path)


@pytest.mark.parametrize("name", ["../a.onnx", "/tmp/a.onnx", "graphs/a.onnx", "..\\a.onnx", "C:a.onnx", "..", ""])
def test_graphs_lie_beside_the_card(convolutional, tmp_path, name):
    card = replace(convolutional.card, graphs={**convolutional.card.graphs, name: "00"})
    write_card(card, tmp_path)
    with pytest.raises(ModelError, match=r"card\.toml: graphs: .* must be the name of a file in the same folder"):
        read_card(tmp_path)


def test_graphs_are_a_table(convolutional, tmp_path):
    write_card(replace(convolutional.card, graphs="model.onnx"), tmp_path)
    with pytest.raises(ModelError, match=r"card\.toml: not a complete model card"):
        read_card(tmp_path)


def test_a_card_of_version_0_1_has_one_graph(convolutional, tmp_path):
    write_card(convolutional.card, tmp_path)
    facts = tomllib.loads((tmp_path / "card.toml").read_text())
    del facts["stages"]
    facts["graph_sha256"] = facts.pop("graphs")["model.onnx"]
    (tmp_path / "card.toml").write_text(tomli_w.dumps(facts))
    graphs = {"model.onnx": convolutional.card.graphs["model.onnx"]}
    assert read_card(tmp_path) == replace(convolutional.card, graphs=graphs, stages=None)


def test_a_folder_without_a_card_is_no_package(tmp_path):
    (tmp_path / "config.toml").touch()
    with pytest.raises(ModelError, match=r"not a model package, it has no card\.toml"):
        read_card(tmp_path)


def test_an_unfinished_run_is_recognised(tmp_path):
    """Its configuration and log are written first, then checkpoints, the card last."""
    (tmp_path / "config.toml").touch()
    (tmp_path / "log").mkdir()
    finish = rf"unfinished training run.*partita train {tmp_path}/config\.toml --out {tmp_path}"
    with pytest.raises(ModelError, match=rf"{finish}, and"):
        read_card(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ModelError, match=rf"{finish} --resume, and"):
        read_card(tmp_path)
