"""From tables of unknown origin, such as those of a TOML file, to dataclasses whose fields have the declared types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from partita.errors import ConfigError, nearest

__all__ = ["build_checked"]

T = TypeVar("T")

_LARGEST = 2**53  # whole numbers that a float holds exactly
_DEEPEST = 16  # tables within tables


def build_checked(kind: type[T], table: object, field: str = "") -> T:
    """Build a dataclass from a table.

    The types of its fields may be ``str``, ``bool``, ``int``, ``float``, another dataclass, ``tuple[X, ...]``,
    ``dict[str, X]``, each of these ``| None``, and ``Any`` for plain values. A whole number is a valid float, a boolean
    is no number, numbers are finite, and texts are printable, line ends aside.

    Args:
        kind: The dataclass.
        table: Its fields.
        field: What errors begin with: the field that the table is the value of, empty for the whole file.

    Raises:
        ConfigError: A field is missing, unknown or invalid.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{field or 'the content'}: must be a table, not {_what(table)}")
    prefix = f"{field}." if field else ""
    hashable: Any = kind
    types = _types(hashable)
    for name in table:
        if name not in types:
            raise ConfigError(f"unknown field {prefix + name!a}{nearest(name, types)}")
    for name, (_, needed) in types.items():
        if needed and name not in table:
            raise ConfigError(f"{prefix}{name}: missing")
    return kind(**{name: _checked(types[name][0], value, f"{prefix}{name}") for name, value in table.items()})


@cache
def _types(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it has no default."""
    hints = get_type_hints(kind)
    return {
        field.name: (hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
    }


def _checked(kind: Any, value: Any, field: str, depth: int = 0) -> Any:
    if kind is Any:
        return _plain(value, field, depth)
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (member for member in get_args(kind) if member is not NoneType)
        return _checked(kind, value, field, depth)
    if isinstance(kind, type) and is_dataclass(kind):
        return build_checked(kind, value, field)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_checked(get_args(kind)[0], item, field, depth + 1) for item in value)
    if get_origin(kind) is dict and isinstance(value, Mapping):
        inner = get_args(kind)[1]
        return {_text(key, field): _checked(inner, item, f"{field}.{key}", depth + 1) for key, item in value.items()}
    if kind is str and isinstance(value, str):
        return _text(value, field)
    if kind is bool and isinstance(value, bool):
        return value
    if kind in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return _number(kind, value, field)
    raise ConfigError(f"{field}: must be {_NAMES.get(get_origin(kind) or kind, 'valid')}, not {_what(value)}")


def _number(kind: type, value: float, field: str) -> float:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{field}: must be finite, not {value}")
    if abs(value) > _LARGEST and isinstance(value, int):
        raise ConfigError(f"{field}: the number is too large")
    if kind is float:
        return float(value)
    if isinstance(value, float):
        raise ConfigError(f"{field}: must be a whole number, not {value}")
    return value


def _text(value: str, field: str) -> str:
    if not all(character.isprintable() or character in "\n\t" for character in value):
        raise ConfigError(f"{field[:100]!a}: contains a character that is not printable")
    return value


def _plain(value: Any, field: str, depth: int) -> Any:
    """Return a value of any type that a TOML file can have, but with finite numbers and printable texts."""
    if depth > _DEEPEST:
        raise ConfigError(f"{field[:100]}: tables are nested too deeply")
    if isinstance(value, Mapping):
        return {_text(key, field): _plain(item, f"{field}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, field, depth + 1) for item in value]
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(type(value), value, field)
    return value


_NAMES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    dict: "a table",
}


def _what(value: object) -> str:
    """Return what a value is, in a few words."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        return f"the text {value[:40]!a}"
    return str(value).lower() if isinstance(value, bool | None) else ascii(value)[:40]
