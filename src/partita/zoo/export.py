"""From a torch module to a model package: safetensors, and an ONNX graph over the same file."""

from __future__ import annotations

import json
import struct
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tomli_w
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from partita.errors import ModelError
from partita.models.base import WaveformModel
from partita.zoo.card import CARD_NAME, Card
from partita.zoo.package import GRAPH_NAME, WEIGHTS_NAME, Package, file_sha256, open_package

__all__ = ["export_package", "write_card"]

_OPSET = 18
_TOLERANCE = 1e-4  # of the output's largest magnitude; both run in float32 on the same weights


def export_package(model: WaveformModel, folder: Path, *, half: bool = True, **facts: Any) -> Package:
    """Write a model as a package.

    Args:
        model: The model; it is not changed.
        folder: Where to write; made where it does not exist. The files of an older package are replaced, the
            card last; others are left alone.
        half: Store the weights as float16.
        **facts: Fields of :class:`Card` that the model does not know: name, description, licence, segment,
            training, scores, limits.

    Raises:
        ModelError: Weights are not finite, or the ONNX graph does not compute what the module does.
    """
    if not model.check_finite():
        raise ModelError(f"{facts.get('name', folder.name)}: its weights are not all finite numbers")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partita-", dir=folder) as name:
        partial = Path(name)
        save_file({name: _stored(value, half) for name, value in model.state_dict().items()}, partial / WEIGHTS_NAME)
        (partial / WEIGHTS_NAME).chmod(0o644)  # safetensors writes for the owner alone
        _write_graph(model, partial)
        card = Card(
            architecture=model.architecture,
            sources=model.sources,
            audio_channels=model.audio_channels,
            sample_rate=model.sample_rate,
            parameters=model.parameter_count(),
            weights_sha256=file_sha256(partial / WEIGHTS_NAME),
            graph_sha256=file_sha256(partial / GRAPH_NAME),
            configuration=model.configuration,
            geometry=model.geometry,
            **facts,
        )
        write_card(card, partial)
        _check_parity(open_package(partial))
        for file in (WEIGHTS_NAME, GRAPH_NAME, CARD_NAME):
            (partial / file).replace(folder / file)
    return open_package(folder)


def write_card(card: Card, folder: Path) -> None:
    """Write a card as TOML, scalars before tables."""
    fields = sorted(asdict(card).items(), key=lambda item: isinstance(item[1], dict))
    (folder / CARD_NAME).write_text(tomli_w.dumps(dict(fields), multiline_strings=True), encoding="utf-8")


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
    """Trace the core and let its weights point into the safetensors file beside it."""
    training = model.training
    model.eval()
    example = torch.zeros(1, model.audio_channels, model.geometry.input_length(model.sample_rate))
    path = folder / GRAPH_NAME
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of what the parity check below checks
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
    """Return ONNX type, offset and length in bytes of every tensor in a safetensors file."""
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
    """Raise unless graph and module agree on noise, for a batch and a length the tracer has not seen."""
    model = package.load_torch()
    samples = model.geometry.input_length(2 * model.sample_rate)
    mixture = torch.randn(2, model.audio_channels, samples, generator=torch.Generator().manual_seed(0))
    expected = model.core(mixture).numpy()
    session = onnxruntime.InferenceSession(package.graph, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"mixture": mixture.numpy()})
    error = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    if not error <= _TOLERANCE:
        raise ModelError(f"{package.card.name}: the ONNX graph differs from the module by {error:.1e} of its peak")
