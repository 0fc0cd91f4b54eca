from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import partita
from partita.system.extras import how_to_install


def test_the_installation_is_described(command_line):
    code, out, _ = command_line("doctor")
    assert code == 0
    assert out.startswith(f"partita {partita.__version__}, Python")
    assert f"  onnxruntime {version('onnxruntime')}\n" in out
    assert "onnx backend (default): runs on cpu" in out
    assert "torch backend: runs on" in out
    assert "default (" in out


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
