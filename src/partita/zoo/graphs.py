"""ONNX graphs of models; their weights stay in the safetensors file beside them."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from partita.models.base import WaveformModel
from partita.models.demucs import BLSTM, Demucs
from partita.models.geometry import StagedGeometry
from partita.models.stages import InnerDecoder, InnerEncoder, OuterDecoder, OuterEncoder
from partita.zoo.card import GRAPH_NAME
from partita.zoo.package import STAGE_NAMES, WEIGHTS_NAME

__all__ = ["Core", "write_graphs"]

_OPSET = 18
_IR_VERSION = 8
_EXPECTED_WARNINGS = (
    "You are using the legacy TorchScript-based ONNX export",
    "The feature will be removed. Please remove usage of this function",
    # of what may depend on the traced input; the parity check would find what does
    "(Converting a tensor to a Python|Iterating over a tensor).* might cause the trace to be incorrect",
    "Exporting a model to ONNX with a batch_size other than 1",
    "Constant folding - Only steps=1 can be constant folded",
)
_GATES = (0, 3, 1, 2)  # torch orders the gates of an LSTM i, f, g, o; ONNX i, o, f, g


def write_graphs(model: WaveformModel, folder: Path) -> None:
    """Write the graph of a model's core, and those of its stages if it has any.

    Args:
        model: The model.
        folder: The package's folder, which has its weights file already.
    """
    training = model.training
    model.eval()
    example = torch.zeros(1, model.audio_channels, model.geometry.input_length(model.sample_rate))
    axes = {"mixture": {0: "batch", 2: "samples"}, "stems": {0: "batch", 3: "samples_out"}}
    _trace(Core(model), (example,), folder / GRAPH_NAME, ["mixture"], ["stems"], axes)
    if isinstance(model, Demucs) and (staged := model.stages):
        _write_stages(model, staged, folder)
    model.train(training)


class Core(nn.Module):
    """The core of a model, as a module that can be traced."""

    def __init__(self, model: WaveformModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length."""
        return self.model.core(mixture)


@torch.no_grad()
def _write_stages(model: Demucs, staged: StagedGeometry, folder: Path) -> None:
    outer_encoder, inner_encoder, recurrence, inner_decoder, outer_decoder = (folder / name for name in STAGE_NAMES)
    frames = 2 * (staged.lost_frames + 1)
    names = [f"level_{level}" for level in range(1, len(staged.skips) + 1)]
    rows = {0: "rows"}
    first, last = staged.encoder_span(0, frames)
    mixture = torch.zeros(last - first, model.audio_channels)
    axes: dict[str, dict[int, str]] = {"mixture": {0: "samples"}, **{name: {0: f"rows_{name}"} for name in names}}
    _trace(OuterEncoder(model), (mixture,), outer_encoder, ["mixture"], names[:1], axes)
    second = OuterEncoder(model)(mixture)
    _trace(InnerEncoder(model), (second,), inner_encoder, names[:1], names[1:], axes)
    _write_recurrence(model.lstm, recurrence)
    levels = [second, *InnerEncoder(model)(second)]
    skips = [level[slice(*skip.span(0, frames))] for level, skip in zip(levels, staged.skips, strict=True)]
    axes |= {"frames": {0: "frames"}, "rows": rows, "stems": {2: "samples_out"}}
    _trace(InnerDecoder(model), (levels[-1], *skips), inner_decoder, ["frames", *names], ["rows"], axes)
    x = InnerDecoder(model)(levels[-1], *skips)
    first, last = staged.outer_decoder.span(0, x.shape[0])
    inputs = (x, torch.zeros(last - first, model.audio_channels))
    _trace(OuterDecoder(model), inputs, outer_decoder, ["rows", "mixture"], ["stems"], axes)


def _trace(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Write the graph of a module; its weights refer to the safetensors file beside it."""
    with warnings.catch_warnings():
        for message in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        torch.onnx.export(
            module,
            example,
            str(path),
            dynamo=False,
            do_constant_folding=False,  # folding would copy weights into the graph
            opset_version=_OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: axes[name] for name in (*inputs, *outputs)},
        )
    graph = onnx.load(path)
    places = _safetensors_places(path.with_name(WEIGHTS_NAME))
    casts = []
    for tensor in graph.graph.initializer:
        place = places.get(tensor.name.removeprefix("model."))
        if place is None:  # a constant of the architecture, such as the sinc filter
            continue
        name = tensor.name
        tensor.ClearField("raw_data")
        if place.data_type != tensor.data_type:
            casts.append(helper.make_node("Cast", [f"{name}.stored"], [name], to=tensor.data_type))
            tensor.name = f"{name}.stored"
        place.refer(tensor)
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)
    path.write_bytes(graph.SerializeToString())


def _write_recurrence(lstm: BLSTM | None, path: Path) -> None:
    """Write the graph of the LSTM and the linear layer after it, or one that changes nothing.

    Each gate's weights are a piece of the safetensors file. Loading the graph puts the pieces in order, which takes far
    less memory than what a tracer makes of it.
    """
    shape = ["frames", "windows", "channels"]
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("frames", "recurrent")]
    builder = _Builder(_safetensors_places(path.with_name(WEIGHTS_NAME)))
    x = "frames"
    for layer in range(lstm.lstm.num_layers if lstm else 0):
        assert lstm is not None
        directions = []
        for direction, suffix in (("forward", ""), ("reverse", "_reverse")):
            weights = [builder.gates(f"lstm.lstm.weight_{kind}_l{layer}{suffix}") for kind in ("ih", "hh")]
            biases = [builder.gates(f"lstm.lstm.bias_{kind}_l{layer}{suffix}") for kind in ("ih", "hh")]
            bias = builder.node("Concat", biases, axis=1)
            inputs = [x, *weights, bias]
            y = builder.node("LSTM", inputs, hidden_size=lstm.lstm.hidden_size, direction=direction)
            directions.append(builder.node("Squeeze", [y, builder.integers(1)]))
        x = builder.node("Concat", directions, axis=2)
    if lstm:
        weight = builder.node("Transpose", [builder.weight("lstm.linear.weight")], perm=[1, 0])
        x = builder.node("MatMul", [x, weight])
        x = builder.node("Add", [x, builder.weight("lstm.linear.bias")])
    builder.nodes.append(helper.make_node("Identity", [x], ["recurrent"]))
    graph = helper.make_graph(builder.nodes, "recurrence", value[:1], value[1:], builder.initializers)
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="partita")
    path.write_bytes(model.SerializeToString())


class _Builder:
    """Nodes and initializers of a graph."""

    def __init__(self, places: Mapping[str, _Place]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._places = places

    def node(self, kind: str, inputs: Iterable[str], **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def integers(self, *values: int) -> str:
        name = f"integers_{len(self.initializers)}"
        self.initializers.append(helper.make_tensor(name, onnx.TensorProto.INT64, [len(values)], values))
        return name

    def weight(self, name: str) -> str:
        return self._floats([self._initializer(name, self._places[name])], self._places[name])

    def gates(self, name: str) -> str:
        """Return a weight of an LSTM, ``(1, 4 * hidden, ...)`` in ONNX's order of the gates."""
        whole = self._places[name]
        pieces = [self._initializer(f"{name}.{gate}", whole.part(gate, 4)) for gate in _GATES]
        return self._floats([self.node("Concat", pieces, axis=1)], whole)

    def _initializer(self, name: str, place: _Place) -> str:
        tensor = onnx.TensorProto(name=name, dims=place.shape)
        place.refer(tensor)
        self.initializers.append(tensor)
        return name

    def _floats(self, inputs: list[str], place: _Place) -> str:
        if place.data_type == onnx.TensorProto.FLOAT:
            return inputs[0]
        return self.node("Cast", inputs, to=onnx.TensorProto.FLOAT)


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies in the safetensors file."""

    data_type: int
    shape: tuple[int, ...]
    offset: int
    length: int

    def part(self, index: int, count: int) -> _Place:
        """Return one of ``count`` equal parts along the first axis, with an axis of length 1 before it."""
        first, *others = self.shape
        length = self.length // count
        return _Place(self.data_type, (1, first // count, *others), self.offset + index * length, length)

    def refer(self, tensor: onnx.TensorProto) -> None:
        """Let a tensor have its data here."""
        tensor.data_type = self.data_type
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS_NAME), ("offset", str(self.offset)), ("length", str(self.length))):
            tensor.external_data.add(key=key, value=value)


def _safetensors_places(path: Path) -> dict[str, _Place]:
    """Return where each tensor of a safetensors file lies."""
    types = {"F16": onnx.TensorProto.FLOAT16, "F32": onnx.TensorProto.FLOAT}
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    places = {}
    for name, facts in header.items():
        begin, end = facts["data_offsets"]
        if facts["dtype"] in types:
            places[name] = _Place(types[facts["dtype"]], tuple(facts["shape"]), 8 + size + begin, end - begin)
    return places
