"""From a torch module to a model package: safetensors, and an ONNX graph that refers to the same file."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tomli_w
import torch
from safetensors.torch import save
from torch import Tensor, nn

from partita.errors import ModelError
from partita.models.base import WaveformModel
from partita.system.atomic import atomic_files, write_atomically
from partita.zoo.card import CARD_NAME, Card
from partita.zoo.package import GRAPH_NAME, WEIGHTS_NAME, Package, file_sha256, open_package

__all__ = ["export_package", "write_card"]

_OPSET = 18
_EXPECTED_WARNINGS = (
    "You are using the legacy TorchScript-based ONNX export",
    "The feature will be removed. Please remove usage of this function",
    # of what may depend on the traced input; the parity check below would find what does
    "(Converting a tensor to a Python|Iterating over a tensor).* might cause the trace to be incorrect",
    "Exporting a model to ONNX with a batch_size other than 1",
    "Constant folding - Only steps=1 can be constant folded",
)
_TOLERANCE = 1e-4  # of the largest magnitude of the output; both compute in float32 with the same weights


def export_package(
    model: WaveformModel,
    folder: Path,
    *,
    name: str,
    segment: float,
    description: str = "",
    licence: str = "unspecified",
    training: Mapping[str, Any] | None = None,
    scores: Mapping[str, Any] | None = None,
    limits: Sequence[str] = (),
    half: bool = True,
) -> Package:
    """Write a model as a package.

    Args:
        model: The model; it is not changed.
        folder: Folder of the package, created if needed. The files of an older package are replaced once all new ones
            are complete, the card last; other files are left alone.
        name: Name of the model.
        segment: Default length of a window, in seconds.
        description: One sentence.
        licence: SPDX expression of the licence of the weights.
        training: See :class:`Card`.
        scores: See :class:`Card`.
        limits: See :class:`Card`.
        half: Store the weights as float16, otherwise as they are.

    Raises:
        ModelError: The weights are not finite, or the ONNX graph does not compute what the module does.
        OutputError: The package cannot be written.
    """
    if not model.check_finite():
        raise ModelError(f"{name}: the weights are not all finite")
    with atomic_files(folder, (WEIGHTS_NAME, GRAPH_NAME, CARD_NAME)) as partial:
        weights = {key: _stored(value, half) for key, value in model.state_dict().items()}
        (partial / WEIGHTS_NAME).write_bytes(save(weights))
        _write_graph(model, partial)
        card = Card(
            name=name,
            description=description,
            architecture=model.architecture,
            licence=licence,
            sources=model.sources,
            audio_channels=model.audio_channels,
            sample_rate=model.sample_rate,
            segment=segment,
            parameters=model.parameter_count(),
            weights_sha256=file_sha256(partial / WEIGHTS_NAME),
            graph_sha256=file_sha256(partial / GRAPH_NAME),
            configuration=model.configuration,
            geometry=model.geometry,
            training=dict(training or {}),
            scores=dict(scores or {}),
            limits=tuple(limits),
        )
        write_card(card, partial)
        _check_parity(open_package(partial))
    return open_package(folder)


def write_card(card: Card, folder: Path) -> None:
    """Write a card as TOML, scalars before tables.

    Raises:
        OutputError: The file cannot be written; an older card is unchanged.
    """
    fields = sorted(asdict(card).items(), key=lambda item: isinstance(item[1], dict))
    write_atomically(folder / CARD_NAME, tomli_w.dumps(dict(fields), multiline_strings=True).encode())


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value.clone()


class _Core(nn.Module):
    def __init__(self, model: WaveformModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor) -> Tensor:
        return self.model.core(mixture)


def _write_graph(model: WaveformModel, folder: Path) -> None:
    """Trace the core; let its weights refer to the safetensors file beside it."""
    training = model.training
    model.eval()
    example = torch.zeros(1, model.audio_channels, model.geometry.input_length(model.sample_rate))
    path = folder / GRAPH_NAME
    with warnings.catch_warnings():
        for message in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        torch.onnx.export(
            _Core(model),
            (example,),
            str(path),
            dynamo=False,
            do_constant_folding=False,  # folding would copy the LSTM's weights into the graph
            opset_version=_OPSET,
            input_names=["mixture"],
            output_names=["stems"],
            dynamic_axes={"mixture": {0: "batch", 2: "samples"}, "stems": {0: "batch", 3: "samples_out"}},
        )
    model.train(training)
    graph = onnx.load(path)
    places = _safetensors_places(folder / WEIGHTS_NAME)
    casts = []
    for tensor in graph.graph.initializer:
        place = places.get(tensor.name.removeprefix("model."))
        if place is None:  # a constant of the architecture, such as the sinc filter
            continue
        data_type, offset, length = place
        name = tensor.name
        tensor.ClearField("raw_data")
        if data_type != tensor.data_type:
            casts.append(onnx.helper.make_node("Cast", [f"{name}.stored"], [name], to=tensor.data_type))
            tensor.name = f"{name}.stored"
        tensor.data_type = data_type
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS_NAME), ("offset", str(offset)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)
    path.write_bytes(graph.SerializeToString())


def _safetensors_places(path: Path) -> dict[str, tuple[int, int, int]]:
    """Return the ONNX type, and offset and length in bytes, of every tensor in a safetensors file."""
    types = {"F16": onnx.TensorProto.FLOAT16, "F32": onnx.TensorProto.FLOAT}
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: (
            types[facts["dtype"]],
            8 + size + facts["data_offsets"][0],
            facts["data_offsets"][1] - facts["data_offsets"][0],
        )
        for name, facts in header.items()
        if facts["dtype"] in types
    }


@torch.no_grad()
def _check_parity(package: Package) -> None:
    """Raise unless graph and module agree on noise, with a batch size and a length that the tracer has not seen."""
    model = package.load_torch()
    samples = model.geometry.input_length(2 * model.sample_rate)
    mixture = torch.randn(2, model.audio_channels, samples, generator=torch.Generator().manual_seed(0))
    expected = model.core(mixture).numpy()
    session = onnxruntime.InferenceSession(package.graph, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"mixture": mixture.numpy()})
    error = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    if not error <= _TOLERANCE:
        raise ModelError(f"{package.card.name}: the ONNX graph differs from the module by {error:.1e} of the peak")
