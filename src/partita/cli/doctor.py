"""`partita doctor`."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import typer

from partita.cli.console import printable

if TYPE_CHECKING:
    from partita.zoo import ModelInfo

__all__ = ["doctor"]

_NEEDED = ("numpy", "onnxruntime", "soundfile", "soxr", "av", "safetensors")
_OPTIONAL = {"torch": "torch", "onnx": "export", "lightning": "train"}  # package -> the extra that installs it


def doctor() -> None:
    """Report what is installed, where models run, and why."""
    import partita
    from partita.separation.backends import onnx_providers
    from partita.system.cores import usable_cores
    from partita.system.extras import how_to_install
    from partita.zoo import list_models
    from partita.zoo.home import models_folder

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
    typer.echo("models:")
    for model in list_models():
        if model.status != "available":
            typer.echo(f"  {model.name} ({model.status}): {_condition(model)}")
    typer.echo(f"  in {models_folder()}; partita models lists those that can be downloaded")


def _condition(model: ModelInfo) -> str:
    """Return whether the files of a model that is here are intact."""
    from partita.errors import ModelError
    from partita.zoo import find_model

    if model.status == "incomplete":
        return "some of its models are missing; they are downloaded when they are needed"
    try:
        find_model(model.name)
    except ModelError as error:
        return printable(str(error))
    return f"{(model.size or 0) / 1e6:.0f} MB, files intact"


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return None
