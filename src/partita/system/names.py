"""Names that can be those of files and folders on every system."""

from __future__ import annotations

import unicodedata

from partita.errors import ConfigError

__all__ = ["check_plain_name", "check_plain_names"]

_LONGEST = 100  # characters, and at most 200 bytes, so that a suffix fits too
_FORBIDDEN = frozenset('/\\:*?"<>|')
_RESERVED = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789¹²³"
}


def check_plain_name(field: str, name: str) -> None:
    """Check that a name can be that of a file or a folder on every system, and not that of one elsewhere.

    Args:
        field: What the error begins with.
        name: The name.

    Raises:
        ConfigError: It is empty, too long, reserved, begins with a dot, ends in a dot, begins or ends with a space, or
            contains a character that is not printable or that some system forbids.
    """
    reason = _reason(name)
    if reason:
        raise ConfigError(f"{field}: {name[: _LONGEST + 1]!a} is not a plain name: {reason}")


def check_plain_names(field: str, names: tuple[str, ...]) -> None:
    """Check several names with :func:`check_plain_name`, and that no two of them are the same file on some system.

    Raises:
        ConfigError: One is not a plain name, or two differ in case or in their form of Unicode alone.
    """
    seen: dict[str, str] = {}
    for name in names:
        check_plain_name(field, name)
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if key in seen:
            raise ConfigError(f"{field}: {seen[key]!r} and {name!r} are the same name on some systems; rename one")
        seen[key] = name


def _reason(name: str) -> str | None:
    """Return why a name is not plain, ``None`` if it is."""
    if not name:
        return "it is empty"
    if not name.isprintable():
        return "it contains a character that is not printable"
    if len(name) > _LONGEST or len(name.encode()) > 2 * _LONGEST:
        return f"it is longer than {_LONGEST} characters or {2 * _LONGEST} bytes"
    if found := _FORBIDDEN & set(name):
        return f"it contains {min(found)}"
    if name[0] in ". " or name[-1] in ". ":
        return "it begins or ends with a dot or a space"
    if name.partition(".")[0].rstrip().casefold() in _RESERVED:
        return "Windows reserves it for a device"
    return None
