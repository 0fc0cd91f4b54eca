"""The songbook's place beside partita, and a test file for each module."""

from __future__ import annotations

import ast
from pathlib import Path

import partita
import partita_songbook

PACKAGE = Path(partita_songbook.__file__).parent
TESTS = Path(__file__).parent


def imported(package):
    """Yield (file, module) for every absolute import in a package, those inside functions included."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module
            elif isinstance(node, ast.Import):
                for name in node.names:
                    yield path, name.name


def test_nothing_in_partita_imports_the_songbook():
    assert [path for path, module in imported(Path(partita.__file__).parent) if "songbook" in module] == []


def test_the_songbook_imports_only_the_lower_rooms_of_partita():
    rooms = {".".join(module.split(".")[:2]) for _, module in imported(PACKAGE) if module.split(".")[0] == "partita"}
    assert rooms == {"partita.audio", "partita.errors", "partita.system"}


def test_every_module_with_functions_has_its_tests():
    modules = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if not path.stem.startswith("__") and "def " in path.read_text(encoding="utf-8")
    ]
    missing = [path for path in modules if not (TESTS / path.parent / f"test_{path.name}").exists()]
    assert len(modules) > 30
    assert missing == []
