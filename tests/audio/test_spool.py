from __future__ import annotations

import errno
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.audio import Spool
from partita.errors import OutputError


@given(st.lists(st.integers(0, 50), max_size=10), st.integers(1, 4), st.integers(1, 60))
def test_samples_are_read_as_they_were_written(lengths, channels, size):
    whole = np.random.default_rng(0).standard_normal((channels, sum(lengths))).astype(np.float32)
    with Spool(channels) as spool:
        for a, b in pairwise(np.cumsum([0, *lengths])):
            spool.write(whole[:, a:b])
        assert (spool.channels, spool.samples) == whole.shape
        for _ in range(2):
            blocks = list(spool.blocks(size))
            assert [block.shape[1] for block in blocks[:-1]] == [size] * (len(blocks) - 1)
            assert np.array_equal(np.concatenate([whole[:, :0], *blocks], axis=1), whole)
        assert np.array_equal(spool.mapped(), whole)
        assert spool.mapped().dtype == np.float32


def test_the_map_shows_a_part(tmp_path):
    whole = np.arange(20, dtype=np.float32).reshape(2, 10)
    with Spool(2, tmp_path) as spool:
        spool.write(whole)
        assert np.array_equal(spool.mapped()[:, 3:7], whole[:, 3:7])


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from partita.audio import Spool
spool = Spool(2, Path(sys.argv[1]))
spool.write(np.ones((2, 100_000), np.float32))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the names of open files")
def test_nothing_remains_of_a_killed_process(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(OutputError, match=r"missing: no room for temporary files \(No such file or directory\); free"):
        Spool(2, tmp_path / "missing")


def test_a_full_disk(tmp_path, monkeypatch):
    class Full:
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            pass

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with Spool(2, Path(tmp_path)) as spool, pytest.raises(OutputError, match="No space left on device"):
        spool.write(np.zeros((2, 10), np.float32))
    assert spool.samples == 0
