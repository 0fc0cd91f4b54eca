from __future__ import annotations

import pickle
import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from partita import Separator
from partita.errors import ModelError, PartitaError
from partita.models import build
from partita.separation.checked import is_finite
from partita.zoo import open_package
from partita.zoo.export import export_package
from tests.zoo.cards import edit_card, linked_copy, replace_file


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small model that runs on whole windows."""
    torch.manual_seed(0)
    return export_package(build("demucs", channels=4, depth=2), tmp_path_factory.mktemp("zoo"), name="whole", segment=1)


@pytest.fixture
def copy(whole, tmp_path):
    return linked_copy(whole, tmp_path / "copy")


def stand_in(geometry, *, sources=4, crop=0, to="", gain=1.0, inputs=("mixture",), outputs=("stems",), kind="FLOAT"):
    """A graph of the same interface that returns the middle of the mixture as every stem."""
    element = getattr(TensorProto, kind)
    left = geometry.left_context + crop
    constants = {
        "axis": helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        "stems_axis": helper.make_tensor("stems_axis", TensorProto.INT64, [1], [3]),
        "repeats": helper.make_tensor("repeats", TensorProto.INT64, [4], [1, sources, 1, 1]),
        "first": helper.make_tensor("first", TensorProto.INT64, [1], [left]),
        "last": helper.make_tensor("last", TensorProto.INT64, [1], [-geometry.right_context]),
        "gain": helper.make_tensor("gain", element, [1], [gain]),
    }
    nodes = [
        helper.make_node("Unsqueeze", [inputs[0], "axis"], ["a"]),
        helper.make_node("Tile", ["a", "repeats"], ["b"]),
        helper.make_node("Slice", ["b", "first", "last", "stems_axis"], ["c"]),
        helper.make_node("Mul", ["c", "gain"], ["d" if to else outputs[0]]),
    ]
    if to:
        nodes.append(helper.make_node("Cast", ["d"], [outputs[0]], to=getattr(TensorProto, to)))
    values = [helper.make_tensor_value_info(name, element, ["b", 2, "s"]) for name in inputs]
    results = [
        helper.make_tensor_value_info(name, getattr(TensorProto, to or kind), ["b", sources, 2, "t"])
        for name in outputs
    ]
    nodes += [helper.make_node("Identity", [outputs[0]], [name]) for name in outputs[1:]]
    graph = helper.make_graph(nodes, "g", values, results, initializer=list(constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def separate(folder, noise):
    return Separator(folder, threads=1).separate(noise[:, :20000])


def test_a_graph_of_another_model_may_do_as_well(whole, copy, noise):
    replace_file(copy, "model.onnx", stand_in(whole.card.geometry).SerializeToString())
    stems = separate(copy, noise)
    np.testing.assert_allclose(stems["bass"], noise[:, :20000] - noise[:, :20000].mean(), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ("mix",)}, "its inputs are 'mix' instead of mixture"),
        ({"inputs": ("mixture", "more")}, "its inputs are"),
        ({"outputs": ("out",)}, "its outputs are 'out' instead of stems"),
        ({"outputs": ("stems", "more")}, "its outputs are"),
        ({"kind": "DOUBLE"}, r"its input mixture is a tensor\(double\) of 3 dimensions instead of a tensor\(float\)"),
        ({"to": "DOUBLE"}, r"its output stems is a tensor\(double\)"),
        ({"to": "FLOAT16"}, r"its output stems is a tensor\(float16\)"),
        ({"sources": 3}, "returns float32 .* instead of float32"),
        ({"sources": 5}, "returns float32 .* instead of float32"),
        ({"crop": 1}, "returns float32 .* instead of float32"),
        ({"gain": float("nan")}, "the output of the model is not finite"),
        ({"gain": float("inf")}, "the output of the model is not finite"),
        ({"gain": 3e38}, "the output of the model is not finite"),
    ],
)
def test_a_hostile_graph_is_refused_when_it_is_opened(whole, copy, options, message):
    replace_file(copy, "model.onnx", stand_in(whole.card.geometry, **options).SerializeToString())
    with pytest.raises(ModelError, match=rf"copy(/model\.onnx)?: .*{message}"):
        Separator(copy, threads=1)


def test_what_becomes_infinite_at_the_level_of_the_mixture_is_refused(whole, copy, noise):
    replace_file(copy, "model.onnx", stand_in(whole.card.geometry, gain=1e37).SerializeToString())
    with pytest.raises(ModelError, match="copy: the output of the model is not finite"):
        Separator(copy, threads=1).separate(noise[:, :20000] * np.float32(1e6))


def test_a_graph_that_fails_while_it_runs_is_named(whole, copy, noise):
    """It gathers a channel that shorter inputs do not have."""
    content = stand_in(whole.card.geometry)
    shortest = whole.card.geometry.shortest_input
    content.graph.initializer.append(helper.make_tensor("index", TensorProto.INT64, [1], [shortest - 1]))
    content.graph.node.insert(0, helper.make_node("Shape", ["mixture"], ["shape"], start=2, end=3))
    content.graph.node.insert(1, helper.make_node("Sub", ["shape", "index"], ["behind"]))
    content.graph.initializer.append(helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]))
    content.graph.node.insert(2, helper.make_node("Sub", ["behind", "one"], ["exact"]))
    content.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    content.graph.node.insert(3, helper.make_node("Gather", ["zero", "exact"], ["nothing"]))
    content.graph.node[4].input[0] = "moved"
    content.graph.node.insert(4, helper.make_node("Add", ["mixture", "nothing"], ["moved"]))
    replace_file(copy, "model.onnx", content.SerializeToString())
    separator = Separator(copy, threads=1)
    with pytest.raises(ModelError, match="copy: the model cannot be run: "):
        separator.separate(noise[:, :20000])


@pytest.mark.parametrize("graph", ["outer_encoder", "inner_encoder", "recurrence", "inner_decoder", "outer_decoder"])
def test_stages_of_another_model_are_refused(convolutional, tmp_path, graph):
    """Each takes the place of another stage, and each is that of a model of more channels."""
    other = export_package(build("demucs", channels=8, depth=3), tmp_path / "other", name="other", segment=1.0)
    folder = linked_copy(convolutional, tmp_path / "copy")
    for path in (other.folder / f"{graph}.onnx", convolutional.folder / "model.onnx"):
        replace_file(folder, f"{graph}.onnx", path.read_bytes())
        with pytest.raises(ModelError, match="copy"):
            Separator(folder, threads=1)


def test_names_and_stems_are_as_many(whole, copy):
    """Three names on a graph of four stems."""
    edit_card(whole, copy, sources=["a", "b", "c"], **{"configuration|sources": ["a", "b", "c"]})
    with pytest.raises(ModelError, match=r"returns float32 .* instead of float32 \(1, 3, 2"):
        Separator(copy, threads=1)


def test_weights_that_are_not_finite_are_refused_by_both_backends(copy):
    model = build("demucs", channels=4, depth=2)
    for value in model.parameters():
        torch.nn.init.constant_(value, 6e4)
    from safetensors.torch import save

    replace_file(copy, "model.safetensors", save({key: value.half() for key, value in model.state_dict().items()}))
    for backend in ("onnx", "torch"):
        with pytest.raises(ModelError, match=r"copy: .*(not finite|cannot be run)"):
            Separator(copy, backend=backend, device="cpu", threads=1)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x08" + bytes(7) + b"{}      ", b"\xff" * 7 + b"\x7f{"])
def test_damaged_weights_are_refused_by_both_backends(copy, content):
    replace_file(copy, "model.safetensors", content)
    for backend in ("onnx", "torch"):
        with pytest.raises(ModelError, match="copy"):
            Separator(copy, backend=backend, device="cpu", threads=1)


def test_sparse_weights_are_refused(copy):
    path = copy / "model.safetensors"
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ModelError, match=r"model\.safetensors: is larger than 4295 MB"):
        open_package(copy)


@pytest.mark.parametrize("model", ["x" * 300, "a\0b", "/" + "y" * 5000, "\ud800", ".", "..", "", "\n"])
def test_names_that_no_model_has(model):
    with pytest.raises(PartitaError):
        Separator(model)


def test_a_package_that_changes_after_it_was_opened(whole, tmp_path):
    package = open_package(shutil.copytree(whole.folder, tmp_path / "copy"))
    package.weights.write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.onnx: .*beyond the end of model\.safetensors"):
        Separator(package)
    package.weights.unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
        Separator(pickle.loads(pickle.dumps(package)))


def test_the_sum_of_large_samples_is_no_reason_to_refuse_them():
    samples = np.full((2, 1000), 3e38, np.float32)
    assert is_finite(samples)
    assert not is_finite(np.where(np.arange(1000) == 500, np.float32("nan"), samples))
    assert not is_finite(np.where(np.arange(1000) == 500, np.float32("inf"), samples))
    assert is_finite(np.zeros((2, 0), np.float32))


def test_the_output_of_stages_is_finite(convolutional, tmp_path, noise):
    """The trial finds it, and so does the separation where there was no trial."""
    folder = linked_copy(convolutional, tmp_path / "copy")
    content = onnx.load(folder / "recurrence.onnx", load_external_data=False)
    limit = helper.make_tensor("limit", TensorProto.FLOAT, [1], [0.0])
    content.graph.initializer.append(limit)
    separator = Separator(folder, threads=1)
    assert np.isfinite(separator.separate(noise[:, :20000])["drums"]).all()
    del content.graph.node[:]
    content.graph.node.append(helper.make_node("Div", ["frames", "limit"], ["recurrent"]))
    replace_file(folder, "recurrence.onnx", content.SerializeToString())
    with pytest.raises(ModelError, match="copy: the output of the model is not finite"):
        Separator(folder, threads=1)
    package = open_package(folder)
    untried = type("Embedded", (type(package),), {"ships": True})(package.folder, package.card)
    with pytest.raises(ModelError, match="copy: the output of the model is not finite"):
        Separator(untried, threads=1).separate(noise[:, :20000])
