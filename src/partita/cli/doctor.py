"""`partita doctor`."""

from __future__ import annotations

import platform

import typer

__all__ = ["doctor"]

_NEEDED = ("numpy", "onnxruntime", "soundfile", "soxr", "av", "safetensors")
_OPTIONAL = {"torch": "torch", "onnx": "export", "lightning": "train"}  # package -> the extra that installs it


def doctor() -> None:
    """Report what is installed, where models run, and why."""
    import partita
    from partita.separation.backends import onnx_providers
    from partita.system.cores import usable_cores
    from partita.system.extras import how_to_install
    from partita.zoo import list_packages

    typer.echo(f"partita {partita.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for package in _NEEDED:
        typer.echo(f"  {package} {_version(package) or 'MISSING: install partita again'}")
    for package, extra in _OPTIONAL.items():
        found = _version(package)
        typer.echo(f"  {package} {found or f'not installed: {how_to_install(extra)}'}")
    devices = onnx_providers()
    typer.echo(f"onnx backend (default): runs on {next(iter(devices))} (available: {', '.join(devices)})")
    if "cuda" not in devices:
        typer.echo("  no cuda: this build of ONNX Runtime does not support it; onnxruntime-gpu does")
    if _version("torch"):
        import torch

        if torch.cuda.is_available():
            typer.echo(f"torch backend: runs on cuda, {torch.cuda.get_device_name()}")
        elif torch.backends.mps.is_available():
            typer.echo("torch backend: runs on mps")
        else:
            why = "this build has no CUDA support" if torch.version.cuda is None else "there is no CUDA device"
            typer.echo(f"torch backend: runs on cpu: {why}")
    typer.echo(f"processor cores: {usable_cores()}")
    names = [f"{package.card.name} ({package.size / 1e6:.0f} MB, files intact)" for package in list_packages()]
    typer.echo(f"models: {', '.join(names) or 'none'}")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return None
