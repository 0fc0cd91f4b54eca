from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.system.schema import build_checked


@dataclass(frozen=True)
class Inner:
    rate: int
    ratio: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    flag: bool = False
    inner: Inner | None = None
    rows: tuple[Inner, ...] = ()
    words: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def test_a_table_becomes_a_dataclass():
    table = {
        "name": "a\n\tb",
        "inner": {"rate": 2, "ratio": 3},
        "rows": [{"rate": 1}],
        "extra": {"x": [1, {"y": True}]},
    }
    built = build_checked(Outer, table)
    assert built == Outer("a\n\tb", inner=Inner(2, 3.0), rows=(Inner(1),), extra={"x": [1, {"y": True}]})
    assert isinstance(built.inner.ratio, float)


def nested(depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for _ in range(depth):
        table = {"a": table}
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "the content: must be a table, not a list"),
        ({}, "name: missing"),
        ({"name": "a", "nme": 1}, "unknown field 'nme': did you mean 'name'"),
        ({"name": 1}, "name: must be text, not 1"),
        ({"name": True}, "name: must be text, not true"),
        ({"name": "a\x1b[2J"}, "name'?: contains a character that is not printable"),
        ({"name": "a", "flag": 1}, "flag: must be true or false, not 1"),
        ({"name": "a", "inner": 3}, "inner: must be a table, not 3"),
        ({"name": "a", "inner": {}}, r"inner\.rate: missing"),
        ({"name": "a", "inner": {"rate": True}}, r"inner\.rate: must be a whole number, not true"),
        ({"name": "a", "inner": {"rate": 1.5}}, r"inner\.rate: must be a whole number, not 1\.5"),
        ({"name": "a", "inner": {"rate": 2**70}}, r"inner\.rate: the number is too large"),
        ({"name": "a", "inner": {"rate": 1, "ratio": math.nan}}, r"inner\.ratio: must be finite, not nan"),
        ({"name": "a", "inner": {"rate": 1, "ratio": 10**400}}, r"inner\.ratio: the number is too large"),
        (
            {"name": "a", "inner": {"rate": 1, "ratio": "x" * 99}},
            r"inner\.ratio: must be a number, not the text 'x{40}'$",
        ),
        ({"name": "a", "rows": {}}, "rows: must be a list, not a table"),
        ({"name": "a", "rows": [{"rate": 1, "rte": 2}]}, r"unknown field 'rows\.rte'"),
        ({"name": "a", "words": {"x": 1}}, r"words\.x: must be text, not 1"),
        ({"name": "a", "words": {"\0": "y"}}, "words'?: contains a character"),
        ({"name": "a", "words": ["x"]}, "words: must be a table, not a list"),
        ({"name": "a", "extra": {"x": [math.inf]}}, r"extra\.x: must be finite, not inf"),
        ({"name": "a", "extra": nested(9999)}, r"extra\.a.*: tables are nested too deeply"),
    ],
)
def test_what_is_invalid_is_named(table, message):
    with pytest.raises(ConfigError, match=f"^'?{message}") as caught:
        build_checked(Outer, table)
    assert str(caught.value).isprintable()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
fields = st.sampled_from(["name", "flag", "inner", "rows", "words", "extra", "rate", "ratio", "else"])


@given(st.dictionaries(fields, plain | st.dictionaries(fields, plain, max_size=4), max_size=6) | plain)
def test_any_table_is_built_or_refused(table):
    try:
        built = build_checked(Outer, table)
    except ConfigError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert isinstance(built, Outer)
        assert isinstance(built.name, str)
