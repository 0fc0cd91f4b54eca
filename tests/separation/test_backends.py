from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from partita.errors import ConfigError, ModelError
from partita.models import build
from partita.separation.backends import onnx_providers, open_backend
from partita.zoo import open_package
from partita.zoo.export import export_package


def test_the_processor_is_always_a_device():
    assert onnx_providers()["cpu"] == "CPUExecutionProvider"
    assert list(onnx_providers())[-1] == "cpu"


@pytest.fixture(scope="module")
def upsampling(tmp_path_factory):
    """A small untrained Demucs that has to run on whole windows."""
    torch.manual_seed(1)
    model = build("demucs", channels=3, depth=2, upsample=True, lstm_layers=1)
    folder = tmp_path_factory.mktemp("zoo") / "upsampling"
    return export_package(model, folder, name="upsampling", licence="CC0-1.0", segment=1.0, half=False)


@pytest.mark.parametrize("name", ["onnx", "torch"])
def test_a_batch_is_computed_window_by_window(upsampling, name):
    backend = open_backend(name, upsampling, "cpu", threads=1)
    assert backend.stages is None
    geometry = upsampling.card.geometry
    batch = np.random.default_rng(0).normal(size=(3, 2, geometry.input_length(4096))).astype(np.float32)
    together = backend.run(batch)
    assert together.shape[:3] == (3, 4, 2)
    alone = np.concatenate([backend.run(window[None]) for window in batch])
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(together).max())


def resized(package, parameters, segment):
    return replace(package, card=replace(package.card, parameters=parameters, segment=segment))


@pytest.mark.parametrize(
    ("parameters", "segment", "onnx", "other"),
    [(11_000_000, 44.0, 4, 4), (27_414_996, 7.8, 2, 1), (83_637_832, 44.0, 1, 1)],
)
def test_a_large_model_runs_few_whole_windows_at_a_time(upsampling, parameters, segment, onnx, other):
    package = resized(upsampling, parameters, segment)
    assert open_backend("onnx", package, "cpu", threads=1).batch_size == onnx
    assert open_backend("torch", package, "cpu", threads=1).batch_size == other


@pytest.mark.parametrize("threads", [1, 2])
def test_windows_side_by_side_are_computed_as_a_batch_would_be(upsampling, threads):
    batch = np.random.default_rng(0).normal(size=(3, 2, upsampling.card.geometry.input_length(4096)))
    batch = batch.astype(np.float32)
    backend = open_backend("onnx", resized(upsampling, 42_000_000, 7.8), "cpu", threads=threads)
    expected = open_backend("onnx", upsampling, "cpu", threads=1).run(batch)
    np.testing.assert_allclose(backend.run(batch), expected, atol=1e-5 * np.abs(expected).max())
    assert np.float32(1e-30) * np.float32(1e-10) > 0  # this thread still has numbers near zero


def test_a_failure_of_windows_side_by_side_is_a_model_error(upsampling):
    backend = open_backend("onnx", resized(upsampling, 42_000_000, 7.8), "cpu", threads=1)
    with pytest.raises(ModelError, match="the model cannot be run"):
        backend.run(np.zeros((2, 3, 4096), np.float32))  # of too many channels


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["convolutional", "consistent", "recurrent"])
def test_the_stages_of_both_backends_agree(request, name, threads):
    package = request.getfixturevalue(name)
    onnx, other = (open_backend(backend, package, "cpu", threads=threads).stages for backend in ("onnx", "torch"))
    assert onnx.geometry == other.geometry == package.card.stages
    geometry, rng = onnx.geometry, np.random.default_rng(0)
    count = 400  # frames: the outer stages run on several blocks
    first, last = geometry.encoder_span(0, count)
    mixture = rng.normal(size=(last - first, 2)).astype(np.float32)
    levels = onnx.encode(mixture)
    for found, expected in zip(levels, other.encode(mixture), strict=True):
        assert_close(found, expected)
    windows = np.stack([levels[-1][:300], levels[-1][100:400]], axis=1)
    assert_close(onnx.recur(windows), other.recur(windows))
    skips = [rows[slice(*span.span(0, count))] for rows, span in zip(levels, geometry.skips, strict=True)]
    first, last = geometry.decoder_span(0, count)
    mixture = rng.normal(size=(last - first, 2)).astype(np.float32)
    stems = onnx.decode(levels[-1], mixture, skips)
    assert stems.shape == (4, 2, np.subtract(*reversed(geometry.output_span(0, count))))
    assert_close(stems, other.decode(levels[-1], mixture, skips))


def assert_close(found, expected):
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["convolutional", "upsampling"])
def test_a_graph_that_cannot_be_loaded_is_a_model_error(request, tmp_path, name):
    package = open_package(shutil.copytree(request.getfixturevalue(name).folder, tmp_path / "copy"))
    graph = (*package.stage_graphs, package.graph)[0]
    node = helper.make_node("NoSuchOperator", ["mixture"], ["stems"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("mixture", "stems")]
    content = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), ir_version=8)
    graph.write_bytes(content.SerializeToString())
    with pytest.raises(ModelError, match=rf"{graph.name}: ONNX Runtime cannot load it"):
        open_backend("onnx", package, "cpu", threads=1)


@pytest.mark.parametrize(("name", "device"), [("tensorflow", None), ("onnx", "abacus"), ("torch", "abacus")])
def test_unknown_backends_and_devices_are_refused(convolutional, name, device):
    with pytest.raises(ConfigError, match=r"tensorflow|abacus"):
        open_backend(name, convolutional, device, threads=1)
