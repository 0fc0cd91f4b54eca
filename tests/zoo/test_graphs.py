from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from partita.models import build
from partita.models.stages import Recurrence
from partita.system.onnx_runtime import onnxruntime
from partita.zoo.export import export_package
from partita.zoo.package import STAGE_NAMES, WEIGHTS_NAME

FACTS = {"name": "tiny", "licence": "CC0-1.0", "segment": 1.0}


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors are faster without threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("layers", [0, 1, 2])
@torch.no_grad()
def test_the_recurrence_is_that_of_torch(tmp_path, layers, half):
    torch.manual_seed(0)
    package = export_package(build("demucs", channels=3, depth=3, lstm_layers=layers), tmp_path, half=half, **FACTS)
    frames = torch.randn(17, 3, 12)  # frames, windows, channels
    session = onnxruntime.InferenceSession(tmp_path / "recurrence.onnx")
    (found,) = session.run(None, {"frames": frames.numpy()})
    expected = Recurrence(package.load_torch())(frames).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    if not layers:
        np.testing.assert_array_equal(found, frames)


def test_graphs_have_no_weights_of_their_own(tmp_path):
    package = export_package(build("demucs", channels=24, depth=3), tmp_path, **FACTS)
    weights = package.weights.stat().st_size
    assert weights > 1_000_000
    for path in (package.graph, *package.stage_graphs):
        assert path.stat().st_size < 60_000
        graph = onnx.load(path, load_external_data=False)
        for tensor in graph.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                place = {entry.key: entry.value for entry in tensor.external_data}
                assert place["location"] == WEIGHTS_NAME
                assert int(place["offset"]) + int(place["length"]) <= weights
            else:
                assert np.prod(tensor.dims) < 100


def test_graphs_together_read_all_weights(tmp_path):
    package = export_package(build("demucs", channels=3, depth=3), tmp_path, **FACTS)
    read = np.zeros(package.weights.stat().st_size, bool)
    for path in package.stage_graphs:
        for tensor in onnx.load(path, load_external_data=False).graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if place:
                read[int(place["offset"]) : int(place["offset"]) + int(place["length"])] = True
    assert read.sum() == 2 * package.card.parameters


@pytest.mark.parametrize("configuration", [{"upsample": True, "depth": 3}, {"depth": 2}])
def test_a_model_without_stages_has_one_graph(tmp_path, configuration):
    package = export_package(build("demucs", channels=2, **configuration), tmp_path, **FACTS)
    assert package.card.stages is None
    assert package.stage_graphs == ()
    assert not {path.name for path in tmp_path.iterdir()} & set(STAGE_NAMES)


def test_a_model_in_training_stays_in_training(tmp_path):
    model = build("demucs", channels=2, depth=3)
    export_package(model.train(), tmp_path, **FACTS)
    assert model.training
