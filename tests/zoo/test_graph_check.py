from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from partita.errors import ModelError
from partita.zoo import find_package
from partita.zoo.graph_check import check_graph

WEIGHTS = "model.safetensors"
PLACE = {"location": WEIGHTS, "offset": "8", "length": "16"}
FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])


def external(name="w", **entries):
    """A tensor whose data are in a file."""
    tensor = TensorProto(name=name, dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in {**PLACE, **entries}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    return tensor


def graph(*tensors, nodes=(), **fields):
    nodes = [*nodes, helper.make_node("Add", ["x", "w"], ["y"])]
    return helper.make_graph(nodes, "g", [FLOATS], [RESULT], initializer=list(tensors), **fields)


def model(*tensors, nodes=(), opsets=(("", 18),), **fields):
    opset_imports = [helper.make_opsetid(*opset) for opset in opsets]
    return helper.make_model(graph(*tensors, nodes=nodes), opset_imports=opset_imports, ir_version=8, **fields)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(bytes(24))
    return tmp_path


def check(folder: Path, content: onnx.ModelProto | bytes) -> None:
    path = folder / "model.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    check_graph(path, folder / WEIGHTS)


def refused(folder, content, reason=""):
    with pytest.raises(ModelError, match=rf"model\.onnx: not a graph of a model package: .*{reason}") as caught:
        check(folder, content)
    assert str(caught.value).isprintable()


def test_graphs_of_packages_pass(convolutional, recurrent):
    for package in (convolutional, recurrent, find_package("default")):
        for path in (package.graph, *package.stage_graphs):
            check_graph(path, package.weights)


def test_plain_tensors_and_those_of_the_weights_pass(folder):
    check(folder, model(external()))
    plain = numpy_helper.from_array(np.ones(4, np.float32), "w")
    plain.data_location = TensorProto.DEFAULT
    constant = helper.make_node("Constant", [], ["w"], value=plain)
    check(folder, model(plain))
    check(folder, model(nodes=[constant]))
    fused = helper.make_node("MultiHeadAttention", ["x", "x", "x"], ["w"], domain="com.microsoft", num_heads=2)
    check(folder, model(nodes=[fused], opsets=(("", 18), ("com.microsoft", 1))))


LOCATIONS = [
    "/etc/passwd",
    "../model.safetensors",
    "./model.safetensors",
    "other.bin",
    "",
    "model.safetensors\0",
    "*/_ORT_MEM_ADDR_/*",
    "file:model.safetensors",
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_no_other_file_is_referred_to(folder, location):
    refused(folder, model(external(location=location)), r"only model\.safetensors is allowed")


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "9"},
        {"offset": "-8"},
        {"offset": " 8"},
        {"offset": "0x8"},
        {"offset": "٨"},
        {"offset": "9" * 30},
        {"length": "17"},
        {"length": None},
        {"offset": None},
        {"location": None},
        {"checksum": "0"},
    ],
)
def test_no_data_lie_beyond_the_weights(folder, entries):
    refused(folder, model(external(**entries)))


def test_a_tensor_refers_to_a_file_once(folder):
    tensor = external()
    tensor.external_data.add(key="location", value="/etc/passwd")
    refused(folder, model(tensor), "in a way that no package needs")
    tensor = external()
    tensor.data_location = TensorProto.DEFAULT
    tensor.external_data[0].value = "/etc/passwd"
    refused(folder, model(tensor))


def test_constants_are_not_external(folder):
    refused(folder, model(nodes=[helper.make_node("Constant", [], ["w"], value=external())]))
    node = helper.make_node("Constant", [], ["w"])
    node.attribute.append(onnx.AttributeProto(name="value", type=onnx.AttributeProto.TENSORS, tensors=[external()]))
    refused(folder, model(nodes=[node]))


def test_there_are_no_graphs_within_graphs(folder):
    inner = helper.make_graph([], "inner", [], [], initializer=[external(location="/etc/passwd")])
    for kind in ("If", "Loop", "Scan", "SequenceMap"):
        refused(folder, model(nodes=[helper.make_node(kind, ["x"], ["w"], body=inner)]), "graphs within graphs")
    several = helper.make_node("If", ["x"], ["w"], bodies=[inner, inner])
    refused(folder, model(nodes=[several]), "graphs within graphs")


def test_there_are_no_functions_and_no_training(folder):
    body = [helper.make_node("Constant", [], ["w"], value=external(location="/etc/passwd"))]
    function = helper.make_function("", "F", [], ["w"], body, [helper.make_opsetid("", 18)])
    refused(folder, model(external(), functions=[function]), "field 25 of the model")
    trained = model(external())
    trained.training_info.add()
    refused(folder, trained, "field 20 of the model")


def test_there_are_no_sparse_tensors(folder):
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]),
        helper.make_tensor("i", TensorProto.INT64, [1], [0]),
        [4],
    )
    graphs = helper.make_model(graph(sparse_initializer=[sparse]), ir_version=8)
    refused(folder, graphs, "field 15 of the graph")
    refused(folder, model(nodes=[helper.make_node("Constant", [], ["w"], sparse_value=sparse)]))


@pytest.mark.parametrize("domain", ["custom", "ai.onnx.ml", "ai.onnx.training", "com.microsoft"])
def test_operators_are_standard_ones(folder, domain):
    node = helper.make_node("Anything", ["x"], ["w"], domain=domain)
    refused(folder, model(nodes=[node]), f"the operator b'Anything' of b'{domain}'")
    if domain != "com.microsoft":
        refused(folder, model(external(), opsets=(("", 18), (domain, 1))), f"the operators of b'{domain}'")


def test_fields_that_are_written_twice_are_refused(folder):
    """Readers of protocol buffers take the last of them, or merge them."""
    content = model(external()).SerializeToString()
    refused(folder, content + model(external()).SerializeToString(), "2 graphs instead of one")
    node = helper.make_node("Identity", ["x"], ["w"]).SerializeToString()
    graph_bytes = b"\x0a" + bytes([len(node) + 8]) + node + b"\x3a\x06custom"
    assert len(node) + 8 < 128
    refused(folder, b"\x3a" + bytes([len(graph_bytes)]) + graph_bytes, "of b'custom'")


@pytest.mark.parametrize(
    "content", [b"", b"no graph", b"\x3a\xff", b"\x3b\x3c", b"\xff" * 20, b"\x3a" + b"\xff" * 9 + b"\x01"]
)
def test_what_is_no_graph_is_refused(folder, content):
    refused(folder, content)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_graphs_pass_or_are_refused(folder, data):
    content = bytearray(model(external(), nodes=[helper.make_node("Identity", ["x"], ["z"])]).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check(folder, bytes(content))
    except ModelError:
        return
    # what onnx reads of an accepted graph refers to no other file
    try:
        loaded = onnx.ModelProto.FromString(bytes(content))
    except Exception:  # protobuf's own error; ONNX Runtime would not load it either
        return
    for tensor in loaded.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        assert entries.get("location", WEIGHTS) == WEIGHTS


@pytest.mark.parametrize("name", ["model.onnx", WEIGHTS])
def test_files_are_regular(folder, name):
    check(folder, model(external()))
    (folder / name).rename(folder / "elsewhere")
    (folder / name).symlink_to(folder / "elsewhere")
    with pytest.raises(ModelError, match=f"{name}: is a link"):
        check_graph(folder / "model.onnx", folder / WEIGHTS)
