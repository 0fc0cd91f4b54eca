"""The rooms of the package and the arrows between them, between rooms and between files."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import types
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import partita

PACKAGE = Path(partita.__file__).parent
ROOT = Path(__file__).parent.parent

# a room may import from rooms of a lower floor
FLOORS = {
    "errors": 0,
    "options": 0,
    "system": 1,
    "audio": 2,
    "models": 2,
    "zoo": 3,
    "data": 3,
    "separation": 4,
    "compat": 5,
    "training": 5,
    "evaluation": 5,
    "experiment": 6,
    "cli": 7,
}
# the root imports its rooms lazily, by name, and __main__ runs the command line
ENTRANCES = {"partita", "partita.__main__"}


@cache
def modules() -> dict[str, Path]:
    """Return every module of partita by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ["partita", *path.relative_to(PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str) -> set[str]:
    """Return the modules of partita that a module imports, inside its functions too."""
    found = set()
    for node in ast.walk(ast.parse(modules()[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in modules() else node.module for full in names}
    return {module for module in found if module in modules() and module != name}


def room(name: str) -> str:
    return name.split(".")[1]


def test_rooms_import_downwards_only():
    pairs = [(name, other) for name in modules() if name not in ENTRANCES for other in imports(name) - ENTRANCES]
    assert len(pairs) > 100
    wrong = [
        f"{name} imports {other}"
        for name, other in pairs
        if room(name) != room(other) and FLOORS[room(other)] >= FLOORS[room(name)]
    ]
    assert not wrong


def test_files_do_not_import_each_other_in_a_circle():
    graph = {name: imports(name) - ENTRANCES for name in modules() if name not in ENTRANCES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def packages() -> list[str]:
    return ["partita", *(f"partita.{module.name}" for module in pkgutil.iter_modules(partita.__path__) if module.ispkg)]


@pytest.mark.parametrize("name", packages())
def test_public_names_are_those_of_all(name):
    """What a package offers under a public name is in its ``__all__``, and the other way round."""
    package = importlib.import_module(name)
    listed = getattr(package, "__all__", [])
    assert len(listed) == len(set(listed))
    offered = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_") and not isinstance(value, types.ModuleType) and key != "annotations"
    }
    if "__getattr__" in vars(package):  # its names are imported on first use
        offered -= {"import_module", "lazy_names", "version", "TYPE_CHECKING", "Any", "Unpack"}
        assert offered <= set(listed)
    else:
        assert offered - {"TYPE_CHECKING"} == {
            key for key in listed if not isinstance(getattr(package, key), types.ModuleType)
        }
    for key in listed:
        assert getattr(package, key) is not None


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = [line for line in readme.splitlines() if line.endswith("-m pytest")]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()
