"""The rooms of the package and the arrows between them."""

from __future__ import annotations

import ast
from pathlib import Path

import partita

PACKAGE = Path(partita.__file__).parent
ROOT = Path(__file__).parent.parent

# a room may import from those of a lower floor
FLOORS = {
    "errors": 0,
    "system": 1,
    "audio": 2,
    "models": 2,
    "zoo": 3,
    "data": 3,
    "separation": 4,
    "training": 5,
    "evaluation": 5,
    "experiment": 6,
    "cli": 7,
}


def imports():
    """Yield (importing file, its room, imported room) for every import of partita within partita."""
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("partita."):
                yield path, room, node.module.split(".")[1]


def test_arrows_point_one_way():
    found = [(path, room, other) for path, room, other in imports() if room not in ("__init__", "__main__")]
    assert len(found) > 50
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path, room, other in found
        if room != other and FLOORS[other] >= FLOORS[room]
    ]
    assert not wrong


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = [line for line in readme.splitlines() if line.endswith("-m pytest")]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()
