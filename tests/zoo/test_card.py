from __future__ import annotations

from dataclasses import replace

import pytest

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
