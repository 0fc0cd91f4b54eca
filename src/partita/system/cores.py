"""The processor cores available to this process."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["usable_cores"]

_ROOT = Path("/")


def usable_cores() -> int:
    """Return the number of cores this process may use, at least 1.

    This is the number of cores it may run on, or what the CPU quota of its control groups (Linux, versions 1 and 2) is
    worth, rounded up, if that is less. Containers and batch schedulers limit processes by such quotas.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas())]))


def _quotas() -> Iterator[float]:
    """Yield the CPU quotas of this process's control groups and of the groups around them, in cores."""
    mounts = _ROOT / "sys" / "fs" / "cgroup"
    for line in _read(_ROOT / "proc" / "self" / "cgroup").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if not controllers:  # version 2
            mount = mounts
        elif "cpu" in controllers.split(","):
            mount = mounts / "cpu"
        else:
            continue
        # In a container the mount may begin at the process's own group, whose path then does not exist below it.
        group = mount / path.strip("/")
        for folder in (group, *group.parents):
            quota, period = _quota(folder)
            if quota > 0 and period > 0:
                yield quota / period
            if folder == mount:
                break


def _quota(folder: Path) -> tuple[int, int]:
    """Return how many microseconds of processor time a group gets per period of so many microseconds; 0: no limit."""
    texts = _read(folder / "cpu.max").split() or [
        _read(folder / "cpu.cfs_quota_us"),
        _read(folder / "cpu.cfs_period_us"),
    ]
    try:
        quota, period = map(int, texts)
    except ValueError:  # "max", or a file that does not exist
        return 0, 0
    return quota, period


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
