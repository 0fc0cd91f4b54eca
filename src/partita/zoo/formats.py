"""Models as files of other tools: ONNX, safetensors, TorchScript."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import onnx
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from partita.errors import ConfigError, OutputError
from partita.models import build
from partita.models.base import WaveformModel
from partita.system.atomic import atomic_files
from partita.system.onnx_runtime import onnxruntime
from partita.zoo.graph_check import check_graph
from partita.zoo.graphs import Core
from partita.zoo.package import Package
from partita.zoo.parity import check_parity

__all__ = ["Form", "export_model"]

Form = Literal["onnx", "safetensors", "torchscript"]

_SUFFIXES: dict[Form, str] = {"onnx": ".onnx", "safetensors": ".safetensors", "torchscript": ".pt"}
_LARGEST_MESSAGE = 1_900_000_000  # bytes of weights; a protocol buffer has 2 GiB at most


def export_model(package: Package, form: Form, folder: Path) -> list[Path]:
    """Write a model as files for other tools, after comparing what they compute with the model.

    Every form holds the core of the model, which maps normalised mixtures ``(batch, channels, samples)`` of a length
    that :class:`partita.Geometry` allows to stems ``(batch, sources, channels, samples_out)``, and the card as JSON.

    Args:
        package: The model.
        form: ``onnx``: a graph with the weights inside, or beside it in a file ``.onnx.data`` if they take more than
            1.9 GB. ``safetensors``: the weights as they are stored, under the names of the torch module.
            ``torchscript``: a traced module.
        folder: Where to write ``NAME.onnx``, ``NAME.safetensors`` or ``NAME.pt``; created if needed.

    Returns:
        The files.

    Raises:
        ConfigError: There is no such form.
        ModelError: What was written does not compute what the model does; nothing of it remains.
        OutputError: A file exists already or cannot be written; nothing of it remains.
    """
    if form not in get_args(Form):
        raise ConfigError(f"to: {form!r} is not one of {', '.join(get_args(Form))}")
    target = folder / f"{package.card.name}{_SUFFIXES[form]}"
    if target.exists():
        raise OutputError(f"{target}: exists already; remove it or choose another folder")
    facts = json.dumps(asdict(package.card), default=str)
    model = package.load_torch()
    there = folder.exists()
    try:
        with atomic_files(folder, last=target.name) as partial:
            _WRITERS[form](package, model, facts, partial / target.name)
            check_parity(model, _READERS[form](partial / target.name), f"{package.card.name}: the file {target.name}")
            names = sorted(path.name for path in partial.iterdir())
    except BaseException:
        if not there:
            with suppress(OSError):
                folder.rmdir()
        raise
    return [folder / name for name in names]


def _write_onnx(package: Package, _: WaveformModel, facts: str, path: Path) -> None:
    check_graph(package.graph, package.weights)
    graph = onnx.load(package.graph)
    onnx.helper.set_model_props(graph, {"partita": facts})
    large = package.weights.stat().st_size > _LARGEST_MESSAGE
    data = path.with_name(f"{path.name}.data")
    onnx.save_model(graph, path, save_as_external_data=large, location=data.name)
    if large:
        shutil.copymode(path, data)  # onnx lets nobody else read it


def _read_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda mixture: torch.from_numpy(session.run(["stems"], {"mixture": mixture.numpy()})[0])


def _write_safetensors(package: Package, _: WaveformModel, facts: str, path: Path) -> None:
    path.write_bytes(save(load_file(package.weights), {"partita": facts}))


def _read_safetensors(path: Path) -> Callable[[Tensor], Tensor]:
    with safe_open(path, "pt") as file:
        card = json.loads(file.metadata()["partita"])
    model = build(card["architecture"], **{**card["configuration"], "sources": tuple(card["sources"])}).eval()
    model.load_state_dict(load_file(path))
    return model.core


@torch.no_grad()
def _write_torchscript(_: Package, model: WaveformModel, facts: str, path: Path) -> None:
    example = torch.zeros(1, model.audio_channels, model.geometry.input_length(model.sample_rate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may depend on the example, which the comparison finds out
        traced: Any = torch.jit.trace(Core(model), (example,), check_trace=False)  # type: ignore[no-untyped-call]
        with path.open("wb") as file:
            torch.jit.save(traced, file, _extra_files={"partita.json": facts})


def _read_torchscript(path: Path) -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.filterwarnings("ignore", "`torch.jit.load` is", DeprecationWarning)
        module: nn.Module = torch.jit.load(file)  # type: ignore[no-untyped-call]
    return module


_WRITERS: dict[Form, Callable[[Package, WaveformModel, str, Path], None]] = {
    "onnx": _write_onnx,
    "safetensors": _write_safetensors,
    "torchscript": _write_torchscript,
}
_READERS: dict[Form, Callable[[Path], Callable[[Tensor], Tensor]]] = {
    "onnx": _read_onnx,
    "safetensors": _read_safetensors,
    "torchscript": _read_torchscript,
}
