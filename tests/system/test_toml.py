from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from partita.errors import ConfigError
from partita.system.toml import explain_invalid, parse_toml, read_toml


class Optimizer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: int = 1
    rate: float = 1.0

    @field_validator("rate")
    @classmethod
    def _positive(cls, rate: float) -> float:
        if rate <= 0:
            raise ValueError("must be positive")
        return rate


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    optim: Optimizer = Optimizer()


def explain(table: dict) -> str:
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(table)
    return explain_invalid(caught.value, Recipe)


def test_a_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('name = "ünïcode"\n[optim]\nsteps = 3\n', encoding="utf-8")
    assert read_toml(path) == {"name": "ünïcode", "optim": {"steps": 3}}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file or directory"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"noise\.toml: is not a text file"):
        read_toml(tmp_path / "noise.toml")
    (tmp_path / "broken.toml").write_text("a = 1\nb = ?")
    with pytest.raises(ConfigError, match=r"broken\.toml: not valid TOML: .*line 2"):
        read_toml(tmp_path / "broken.toml")


def test_text_names_its_origin():
    assert parse_toml("a = 1", "--set") == {"a": 1}
    with pytest.raises(ConfigError, match="--set: not valid TOML: "):
        parse_toml("a", "--set")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"optim": {"steps": "many"}}, "optim.steps: Input should be a valid integer"),
        ({"optim": {"rate": 0}}, "optim.rate: must be positive"),
        ({"nam": "x"}, "unknown field 'nam': did you mean 'name'?"),
        ({"optim": {"step": 1}}, "unknown field 'optim.step': did you mean 'optim.steps'?"),
        ({"zzz": 1}, "unknown field 'zzz'; known are name, optim"),
    ],
)
def test_what_is_wrong_with_a_table(table, message):
    assert explain(table).startswith(message)


def test_a_table_that_is_none_of_its_fields():
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate("text")
    assert explain_invalid(caught.value, Recipe).startswith("Input should be a valid dictionary")
