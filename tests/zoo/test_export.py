from __future__ import annotations

import resource
import shutil
import tomllib

import numpy as np
import pytest
import torch
from safetensors import safe_open

from partita.errors import ModelError, OutputError
from partita.models import build
from partita.system.onnx_runtime import onnxruntime
from partita.zoo import open_package
from partita.zoo.export import export_package
from partita.zoo.package import STAGE_NAMES

FACTS = {"name": "tiny", "description": "untrained", "licence": "CC0-1.0", "segment": 1.0}


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"lstm_layers": 0, "upsample": True},
        {"resample": True},
        {"glu": False, "rewrite": False},
        {"kernel_size": 16, "stride": 8, "consistent": True},
    ],
)
def test_graph_and_module_compute_the_same(tmp_path, configuration, half):
    model = build("demucs", channels=3, depth=2, **configuration).eval()
    package = export_package(model, tmp_path / "tiny", half=half, **FACTS)
    x = torch.randn(3, 2, model.geometry.input_length(7777))
    session = onnxruntime.InferenceSession(package.graph)
    (found,) = session.run(None, {"mixture": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, package.load_torch().core(x).numpy(), atol=1e-5)
        if not half:
            np.testing.assert_allclose(found, model.core(x).numpy(), atol=1e-5)


def test_graph_has_no_weights_of_its_own(tmp_path):
    model = build("demucs", channels=16, depth=3)
    package = export_package(model, tmp_path / "tiny", **FACTS)
    assert package.weights.stat().st_size > 2 * model.parameter_count()
    assert package.graph.stat().st_size < 100_000


def test_weights_are_safetensors_of_sixteen_bits(tmp_path):
    package = export_package(build("demucs", channels=2, depth=2), tmp_path / "tiny", **FACTS)
    with safe_open(package.weights, "np") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {np.dtype(np.float16)}  # noqa: SIM118


def test_a_card_says_what_the_model_is(tmp_path):
    model = build("demucs", channels=2, depth=2, sources=("voice", "rest"), audio_channels=1)
    card = export_package(model, tmp_path / "tiny", scores={"sdr": {"voice": 1.5}}, limits=("all",), **FACTS).card
    assert card.sources == ("voice", "rest")
    assert card.audio_channels == 1
    assert card.geometry == model.geometry
    assert card.parameters == model.parameter_count()
    assert card.scores == {"sdr": {"voice": 1.5}}
    assert card.limits == ("all",)
    facts = tomllib.loads((tmp_path / "tiny" / "card.toml").read_text())
    assert facts["configuration"]["channels"] == 2


def test_exporting_again_replaces_the_package_alone(tmp_path):
    folder = tmp_path / "tiny"
    first = export_package(build("demucs", channels=2, depth=2), folder, **FACTS)
    (folder / "notes.txt").write_text("mine")
    second = export_package(build("demucs", channels=2, depth=2), folder, **FACTS)
    assert first.card.weights_sha256 != second.card.weights_sha256
    assert {path.name for path in folder.iterdir()} == {"card.toml", "model.onnx", "model.safetensors", "notes.txt"}


def test_a_model_in_stages_has_a_graph_for_each(tmp_path):
    package = export_package(build("demucs", channels=2, depth=3), tmp_path, **FACTS)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"card.toml", "model.onnx", "model.safetensors", *STAGE_NAMES}
    assert set(package.card.graphs) == {"model.onnx", *STAGE_NAMES}
    assert [path.name for path in package.stage_graphs] == list(STAGE_NAMES)
    assert package.card.stages is not None


def test_weights_that_are_no_numbers_are_not_exported(tmp_path):
    model = build("demucs", channels=2, depth=2)
    with torch.no_grad():
        model.encoder[0][0].weight[0] = float("nan")
    with pytest.raises(ModelError, match="finite"):
        export_package(model, tmp_path / "tiny", **FACTS)


@pytest.mark.parametrize("limit", [100, 20_000])
def test_a_full_disk_leaves_the_older_package(convolutional, tmp_path, limit):
    """Neither the weights (100 bytes) nor the graph (20 kB) can be written."""
    folder = shutil.copytree(convolutional.folder, tmp_path / "tiny")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OutputError, match="tiny: cannot be written: File too large"):
            export_package(build("demucs", channels=2, depth=2), folder, **FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert open_package(folder).card == convolutional.card
    assert not any(folder.glob(".partita-*"))
