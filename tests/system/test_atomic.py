from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from partita.errors import OutputError
from partita.system.atomic import atomic_files, atomic_path, atomic_set, open_atomically, write_atomically


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    with atomic_path(path) as partial:
        assert partial.parent.parent == path.parent
        assert partial.parent.name.startswith(".")
        partial.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "package"
    with atomic_path(path) as partial:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "file").write_bytes(b"content")
        assert not path.exists()
    assert (path / "deep" / "file").read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_does_not_replace_another(tmp_path):
    path = tmp_path / "package"
    path.mkdir()
    (path / "file").touch()
    with pytest.raises(OutputError, match="package: cannot be written: Directory not empty"), atomic_path(path) as part:
        part.mkdir()
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "file").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_nothing_remains_after_an_exception(error, kind, tmp_path):
    path = tmp_path / "result"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_path(path) as partial:
            if kind == "folder":
                partial.mkdir()
                (partial / "file").touch()
            elif kind == "file":
                partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fill() -> None:
        with open_atomically(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="file: cannot be written: No space left on device"):
        fill()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder: cannot be written: Is a directory"):
        write_atomically(tmp_path / "folder", b"")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be written: (File exists|Not a directory)"):
        write_atomically(tmp_path / "file" / "below", b"")
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        write_atomically(tmp_path / ("n" * 256), b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_name_as_long_as_any(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "file"
    with open_atomically(path) as one, open_atomically(path) as other:
        one.write(b"one")
        other.write(b"other")
    assert path.read_bytes() == b"one"  # the last to finish
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
from pathlib import Path
from partita.system.atomic import open_atomically
with open_atomically(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    subprocess.run([sys.executable, "-c", KILLED, path], check=False, timeout=60)
    assert path.read_bytes() == b"old"
    assert all(other.name.startswith(".partita-") for other in set(tmp_path.iterdir()) - {path})


def test_the_folder_is_that_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically(Path("file"), b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_files_appear_together(tmp_path):
    folder = tmp_path / "new" / "folder"
    with atomic_files(folder, last="b") as partial:
        assert partial.parent.parent == folder
        for name in ("a", "b"):
            (partial / name).write_text(name)
        assert not (folder / "a").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_the_last_file_appears_after_all_others(tmp_path):
    (tmp_path / "c").mkdir()  # a file cannot replace it

    def write():
        with atomic_files(tmp_path, last="a") as partial:
            for name in ("a", "b", "c"):
                (partial / name).write_text(name)

    with pytest.raises(OutputError, match="cannot be written"):
        write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]


@pytest.mark.parametrize("error", [KeyError("x"), OSError(errno.ENOSPC, "No space left on device")])
def test_after_an_error_older_files_are_unchanged(tmp_path, error):
    def write():
        with atomic_files(tmp_path, last="b") as partial:
            (partial / "a").write_text("new")
            raise error

    (tmp_path / "a").write_text("old")
    expected = OutputError if isinstance(error, OSError) else KeyError
    with pytest.raises(expected) as caught:
        write()
    if expected is OutputError:
        assert str(caught.value) == f"{tmp_path}: cannot be written: No space left on device"
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def write_set(paths, text="new"):
    with atomic_set(paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text(text)
        assert not any(path.is_file() and path.read_text() == text for path in paths)


def test_a_set_appears_with_its_folder(tmp_path, monkeypatch):
    renamed = []
    rename = Path.rename

    def watch(self, target):
        renamed.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watch)
    paths = [tmp_path / "out" / "model" / "song" / name for name in ("a", "b")]
    write_set(paths)
    assert renamed == [tmp_path / "out" / "model" / "song"]
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_set_in_several_folders(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a").write_text("old")
    paths = [tmp_path / folder / name for folder in ("one", "two", "two/three") for name in ("a", "b")]
    write_set(paths)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths)
    assert {path.read_text() for path in paths} == {"new"}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_a_set_that_cannot_appear_as_a_whole_does_not_appear_at_all(tmp_path, monkeypatch, links, nested):
    if not links:

        def refuse(*_, **__):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("old")
    (tmp_path / "c").mkdir()  # a file cannot replace it
    paths = [tmp_path / name for name in ("a", "b", "c")]
    if nested:
        paths = [tmp_path / "new" / "deep" / "x", *paths]
    with pytest.raises(OutputError, match="c: cannot be written: "):
        write_set(paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    assert (tmp_path / "a").read_text() == "old"
    write_set(paths[:-1])
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_remains_of_a_set_after_an_exception(tmp_path, error):
    def fail():
        with atomic_set([tmp_path / "out" / name for name in ("a", "b")]) as (one, _):
            one.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_appears_meanwhile(tmp_path):
    folder = tmp_path / "out"
    with atomic_set([folder / "a"]) as (temporary,):
        temporary.write_text("new")
        folder.mkdir()
        (folder / "b").write_text("other")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_places_where_no_set_can_be(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("n" * 256) / "x"):
        with pytest.raises(OutputError, match=r"cannot create this folder: (Not a directory|File name too long)"):
            write_set([folder / "a"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
