"""`partita doctor`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

__all__ = ["doctor"]

_NEEDED = ("numpy", "onnxruntime", "soundfile", "soxr", "av", "safetensors")
_OPTIONAL = {"torch": "torch", "lightning": "train", "onnx": "export"}  # package -> the extra that brings it


def doctor() -> None:
    """Say what is installed, where models run, and why."""
    import partita
    from partita.separation.backends import onnx_providers
    from partita.system.cores import usable_cores
    from partita.zoo import list_packages

    typer.echo(f"partita {partita.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for package in _NEEDED:
        typer.echo(f"  {package} {_version(package) or 'MISSING: pip install --force-reinstall partita'}")
    for package, extra in _OPTIONAL.items():
        found = _version(package)
        typer.echo(f"  {package} {found or f'not installed; pip install partita[{extra}] brings it'}")
    devices = onnx_providers()
    typer.echo(f"onnx backend (default): runs on {next(iter(devices))}, the fastest of {', '.join(devices)}")
    if "cuda" not in devices:
        typer.echo("  no cuda: this build of ONNX Runtime has none; onnxruntime-gpu has it")
    if _version("torch"):
        import torch

        if torch.cuda.is_available():
            typer.echo(f"torch backend: runs on cuda, {torch.cuda.get_device_name()}")
        elif torch.backends.mps.is_available():
            typer.echo("torch backend: runs on mps")
        else:
            why = "this build has no CUDA" if torch.version.cuda is None else "it finds no CUDA device"
            typer.echo(f"torch backend: runs on cpu, {why}")
    typer.echo(f"processors: {usable_cores()}")
    names = [f"{package.card.name} ({package.size / 1e6:.0f} MB, whole)" for package in list_packages()]
    typer.echo(f"models: {', '.join(names) or 'none'}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
