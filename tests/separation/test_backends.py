from __future__ import annotations

import numpy as np
import pytest

from partita.errors import ConfigError, ModelError
from partita.separation.backends import onnx_providers, open_backend
from partita.zoo import open_package


def test_the_processor_is_always_a_device():
    assert onnx_providers()["cpu"] == "CPUExecutionProvider"
    assert list(onnx_providers())[-1] == "cpu"


@pytest.mark.parametrize("name", ["onnx", "torch"])
def test_a_batch_is_computed_window_by_window(convolutional, name):
    backend = open_backend(name, convolutional, "cpu")
    geometry = convolutional.card.geometry
    batch = np.random.default_rng(0).normal(size=(3, 2, geometry.input_length(4096))).astype(np.float32)
    together = backend.run(batch)
    assert together.shape[:3] == (3, 4, 2)
    alone = np.concatenate([backend.run(window[None]) for window in batch])
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(together).max())


def test_a_graph_that_cannot_be_loaded_is_a_model_error(convolutional, tmp_path):
    for file in convolutional.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    package = open_package(tmp_path)
    package.graph.write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"model\.onnx: ONNX Runtime cannot load it"):
        open_backend("onnx", package)


@pytest.mark.parametrize(("name", "device"), [("tensorflow", None), ("onnx", "abacus"), ("torch", "abacus")])
def test_unknown_backends_and_devices_are_refused(convolutional, name, device):
    with pytest.raises(ConfigError, match=r"tensorflow|abacus"):
        open_backend(name, convolutional, device)
