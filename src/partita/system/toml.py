"""Reading TOML files, with uniform error messages that name the file and the field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partita.errors import ConfigError, nearest
from partita.system.files import read_regular

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = ["explain_invalid", "parse_toml", "read_toml"]


def read_toml(path: Path, most: int | None = None) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        most: If given, the file must be a regular one of at most so many bytes.

    Raises:
        ConfigError: The file cannot be read or is not valid TOML.
    """
    try:
        text = (path.read_bytes() if most is None else read_regular(path, most)).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not a text file in UTF-8") from error
    return parse_toml(text, str(path))


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Parse TOML.

    Args:
        text: The content of the file.
        origin: What messages call it, such as its path.

    Raises:
        ConfigError: The text is not valid TOML.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{origin}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # also of numbers of more digits than Python converts
        raise ConfigError(f"{origin}: not valid TOML: {error}") from error


def explain_invalid(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe why a table is invalid, in a sentence that begins with the field.

    Args:
        error: The error that pydantic raised.
        model: The model that the table was validated against; its fields are suggested for an unknown one.
    """
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return ": ".join(part for part in (field, first["msg"].removeprefix("Value error, ")) if part)
    *sections, name = first["loc"]
    known: Any = model
    for section in sections:
        if isinstance(section, str):
            known = known.model_fields[section].annotation
    prefix = "".join(f"{section}." for section in sections if isinstance(section, str))
    fields = [f"{prefix}{name}" for name in getattr(known, "model_fields", {})]
    return f"unknown field {field!r}{nearest(f'{prefix}{name}', fields) if fields else ''}"
