from __future__ import annotations

import pytest

from partita.errors import ModelError
from partita.zoo.card import read_card
from partita.zoo.export import write_card


def test_a_card_survives_being_written(convolutional, tmp_path):
    write_card(convolutional.card, tmp_path)
    assert read_card(tmp_path) == convolutional.card


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
