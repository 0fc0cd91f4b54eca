"""Source trees of partita that are compared: this checkout, and another revision in a temporary git worktree."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import SOURCE

ROOT = SOURCE.parent


@dataclass(frozen=True)
class Tree:
    """A source tree.

    Attributes:
        name: ``partita`` for this checkout, otherwise the revision as the user wrote it.
        source: Folder that holds the package ``partita``.
    """

    name: str
    source: Path

    @property
    def revision(self) -> str:
        """The commit, with ``-dirty`` if files were changed since; ``unknown`` outside a git checkout."""
        command = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
        result = subprocess.run(command, cwd=self.source, capture_output=True, text=True)
        return result.stdout.strip() or "unknown"

    @property
    def fingerprint(self) -> str:
        """A hash of the code: trees with the same fingerprint export the same packages."""
        code = hashlib.sha256()
        for path in sorted(self.source.rglob("*.py")):
            code.update(str(path.relative_to(self.source)).encode() + b"\0" + path.read_bytes())
        return code.hexdigest()[:12]


@contextmanager
def compared_trees(against: str | None) -> Iterator[list[Tree]]:
    """Yield this checkout and, if wanted, another revision, whose worktree is removed afterwards.

    Args:
        against: Any name that git knows for the revision.
    """
    this = Tree("partita", SOURCE)
    if against is None:
        yield [this]
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the worktree is removed then too
    with tempfile.TemporaryDirectory(prefix="partita-") as folder:
        root = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(root), against)
        try:
            yield [this, Tree(against, root / "src")]
        finally:
            _git("worktree", "remove", "--force", str(root))


def _git(*words: str) -> None:
    result = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"git {' '.join(words)}: {result.stderr.strip()}")
