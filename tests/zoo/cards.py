"""Cards and bags as strangers write them: edited copies of valid ones, and hypothesis strategies for any content."""

from __future__ import annotations

import hashlib
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import strategies as st

from partita.zoo import Package


def edit_card(package: Package, folder: Path, **changes: Any) -> Path:
    """Write the card of a package to ``folder`` with some fields changed (see :func:`changed`); return the folder."""
    facts = changed(tomllib.loads((package.folder / "card.toml").read_text()), changes)
    path = folder / "card.toml"
    path.unlink(missing_ok=True)
    path.write_text(tomli_w.dumps(facts))
    return folder


def changed(facts: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of nested tables with some fields changed.

    Args:
        facts: The tables.
        changes: Values by the path of the field, such as ``geometry|edge``; ``None`` removes a field.
    """
    facts = deepcopy(facts)
    for path, value in changes.items():
        *tables, name = path.split("|")
        table: Any = facts
        for key in tables:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):  # an earlier change may have replaced it
            table.pop(name, None)
            if value is not None:
                table[name] = value
    return facts


def linked_copy(package: Package, folder: Path) -> Path:
    """Copy a package without copying its bytes; replace files rather than writing to them."""
    folder.mkdir()
    for path in package.folder.iterdir():
        (folder / path.name).hardlink_to(path)
    return folder


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of a package, and enter its sha256 in the card."""
    path, card = folder / name, folder / "card.toml"
    digest = hashlib.sha256(content).hexdigest()
    facts = tomllib.loads(card.read_text())
    if name == "model.safetensors":
        facts["weights_sha256"] = digest
    else:
        facts["graphs"][name] = digest
    for target, new in ((path, content), (card, tomli_w.dumps(facts).encode())):
        target.unlink(missing_ok=True)
        target.write_bytes(new)


numbers = st.sampled_from([0, -1, 1, 2, 2**31, 2**53, 2**63, 2**70, -(2**70), 10**400, 0.0, -0.5, 1e308]) | st.floats()
texts = st.sampled_from(
    ["", ".", "..", "../x", "/etc", "a\\b", "\x1b[2J", "con", "NaN", "x" * 300, "é", "demucs"]
) | st.text(st.characters(codec="utf-8"), max_size=8)
any_value = st.recursive(
    st.booleans() | numbers | texts | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def edits(facts: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for tables like ``facts`` with some fields changed, removed or added."""
    return st.dictionaries(
        st.sampled_from([*_paths(facts), "surprise"]), st.none() | any_value, min_size=1, max_size=3
    ).map(lambda changes: changed(facts, changes))


def _paths(facts: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in facts.items():
        found.append(f"{prefix}{name}")
        if isinstance(value, dict):
            found += _paths(value, f"{prefix}{name}|")
    return found
