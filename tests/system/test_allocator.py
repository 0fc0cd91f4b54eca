from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from partita.system.allocator import keep_freed_memory

REUSED = """
import resource
import numpy as np
from partita.system.allocator import keep_freed_memory
assert keep_freed_memory()
np.ones(16_000_000, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(16_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are those of glibc")
def test_large_blocks_are_reused():
    run = subprocess.run([sys.executable, "-c", REUSED], capture_output=True, text=True, check=True, timeout=60)
    assert int(run.stdout) < 1000  # page faults; 10 new blocks of 4 KiB pages would cause 39,000


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_freed_memory()
