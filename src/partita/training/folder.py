"""The folder of a run."""

from __future__ import annotations

from pathlib import Path

__all__ = ["has_checkpoint", "last_checkpoint"]


def last_checkpoint(out: Path) -> Path:
    """Return the path of the checkpoint that a run in ``out`` resumes from."""
    return out / "checkpoints" / "last.ckpt"


def has_checkpoint(out: Path) -> bool:
    """Return whether a run in ``out`` can be resumed."""
    return last_checkpoint(out).exists()
