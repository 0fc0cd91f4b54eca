from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from partita.system import private
from partita.system.private import private_folder, remove_unfinished

HOLD = """
import sys, time
from pathlib import Path
from partita.system.private import private_folder
with private_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"half")
    print(folder.name, flush=True)
    time.sleep(60)
"""
SWEEP = """
import sys
from pathlib import Path
from partita.system.private import private_folder
with private_folder(Path(sys.argv[1])):
    pass
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds a private folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    folder = tmp_path / process.stdout.readline().strip()
    assert (folder / "half").exists()
    yield process, folder
    process.kill()
    process.communicate(timeout=60)


def sweep(folder):
    subprocess.run([sys.executable, "-c", SWEEP, folder], check=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGHUP])
def test_the_folders_of_killed_processes_are_removed(tmp_path, holder, number):
    process, folder = holder
    sweep(tmp_path)
    assert (folder / "half").exists()  # its process lives
    process.send_signal(number)
    process.wait(timeout=60)
    assert folder.exists()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_other_computers_stay(tmp_path, holder):
    process, folder = holder
    process.kill()
    process.wait(timeout=60)
    elsewhere = folder.rename(tmp_path / ".partita-00000000-11111111-222222222222")
    sweep(tmp_path)
    assert (elsewhere / "half").exists()
    kernel, computer = private._place()
    for number, place in enumerate((f"{kernel}-00000000", f"00000000-{computer}")):  # a container, and a restart
        mine = elsewhere.rename(tmp_path / f".partita-{place}-{number}")
        sweep(tmp_path)
        assert not mine.exists()
        mine.mkdir()
        (mine / "lock").touch()
        elsewhere = mine


def test_what_only_looks_like_such_a_folder_stays(tmp_path):
    place = "-".join(private._place())
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "lock").touch()
    (tmp_path / f".partita-{place}-1").symlink_to(tmp_path / "precious")
    (tmp_path / f".partita-{place}-2").touch()
    (tmp_path / f".partita-{place}-3").mkdir()  # just created, and not locked yet
    (tmp_path / f".partita-{place}-4").mkdir()
    (tmp_path / f".partita-{place}-4" / "lock").symlink_to(tmp_path / "precious" / "lock")
    (tmp_path / ".partita-0123456789abcdef").mkdir()
    before = sorted(tmp_path.rglob("*"))
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    long_ago = time.time() - 4000
    os.utime(tmp_path / f".partita-{place}-3", (long_ago, long_ago))
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*")) == [path for path in before if not path.name.endswith("-3")]


def test_a_folder_that_is_removed_before_it_is_locked(tmp_path, monkeypatch):
    """Another process may take it for an abandoned one; then a new one is created."""
    mkdir, opened = type(tmp_path).mkdir, os.open
    made = []

    def mkdir_and_lose_the_first(self, *arguments, **keywords):
        mkdir(self, *arguments, **keywords)
        made.append(self)
        if len(made) == 1:
            self.rmdir()

    def open_and_lose_the_second(path, *arguments, **keywords):
        descriptor = opened(path, *arguments, **keywords)
        if len(made) == 2:
            path.unlink()
            made[1].rmdir()
        return descriptor

    monkeypatch.setattr(type(tmp_path), "mkdir", mkdir_and_lose_the_first)
    monkeypatch.setattr(private.os, "open", open_and_lose_the_second)
    with private_folder(tmp_path) as folder:
        assert len(made) == 3
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_no_private_folder_remains_where_it_cannot_be_locked(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(private.os, "open", refuse)
    with pytest.raises(PermissionError), private_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_unfinished_can_be_removed_at_once(tmp_path):
    code = f"""
from pathlib import Path
from partita.system.private import private_folder, remove_unfinished
import os
with private_folder(Path({str(tmp_path)!r})) as one, private_folder(Path({str(tmp_path)!r})) as two:
    (one / "half").touch()
    remove_unfinished(1.0)
    os._exit(3)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 3
    assert list(tmp_path.iterdir()) == []
    assert callable(remove_unfinished)
