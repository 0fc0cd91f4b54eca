from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version

import pytest

import partita
from partita.system.extras import how_to_install
from partita.zoo.bag import write_bag


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTITA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_installation_is_described(command_line):
    code, out, _ = command_line("doctor")
    assert code == 0
    assert out.startswith(f"partita {partita.__version__}, Python")
    assert f"  onnxruntime {version('onnxruntime')}\n" in out
    assert "onnx backend (default): runs on cpu" in out
    assert "torch backend: runs on" in out
    assert "  default (embedded): " in out
    assert " MB, files intact" in out


def test_installed_models_are_checked(command_line, home, convolutional):
    for name in ("whole", "changed"):
        shutil.copytree(convolutional.folder, home / "models" / name)
    (home / "models" / "changed" / "model.onnx").write_bytes(b"")
    bag = home / "models" / "bag"
    bag.mkdir()
    facts = {"name": "bag", "description": "", "licence": "", "like": convolutional.card}
    write_bag(bag, **facts, members=["whole", "missing"], weights=[[1.0] * 4] * 2)
    code, out, _ = command_line("doctor")
    assert code == 0
    assert "  whole (installed): 0 MB, files intact\n" in out
    assert "model.onnx: damaged or changed" in out
    assert "  bag (incomplete): some of its models are missing" in out


def test_what_is_missing_is_named_with_what_installs_it(command_line, monkeypatch):
    def without_torch(package):
        if package in ("torch", "lightning"):
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr("importlib.metadata.version", without_torch)
    code, out, _ = command_line("doctor")
    assert code == 0
    assert f"  torch not installed: {how_to_install('torch')}\n" in out
    assert f"  lightning not installed: {how_to_install('train')}\n" in out
    assert "torch backend" not in out
