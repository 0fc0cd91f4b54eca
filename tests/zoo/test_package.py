from __future__ import annotations

import shutil
import tomllib

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open

from partita.errors import ModelError
from partita.models import build
from partita.zoo import find_package, list_packages, open_package
from partita.zoo.export import export_package

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
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.toml", "model.onnx", "model.safetensors", "notes.txt",
    ]  # fmt: skip


def test_weights_that_are_no_numbers_are_not_exported(tmp_path):
    model = build("demucs", channels=2, depth=2)
    with torch.no_grad():
        model.encoder[0][0].weight[0] = float("nan")
    with pytest.raises(ModelError, match="finite"):
        export_package(model, tmp_path / "tiny", **FACTS)


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_a_changed_file_is_refused(convolutional, tmp_path, name):
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name}.*sha256"):
        open_package(folder)


def test_a_missing_file_is_named(convolutional, tmp_path):
    folder = shutil.copytree(convolutional.folder, tmp_path / "copy")
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: missing"):
        open_package(folder)


@pytest.mark.parametrize("card", ["", "name = ", "name = 'x'", "\xff"])
def test_a_broken_card_is_refused(tmp_path, card):
    (tmp_path / "card.toml").write_bytes(card.encode("latin-1"))
    with pytest.raises(ModelError, match="card"):
        open_package(tmp_path)


def test_a_folder_is_a_name_too(convolutional):
    assert find_package(convolutional.folder).card == convolutional.card
    assert find_package(str(convolutional.folder)).card == convolutional.card


def test_a_folder_without_a_card_is_no_package(tmp_path):
    with pytest.raises(ModelError, match="not a model package"):
        find_package(tmp_path)


def test_the_embedded_packages_are_whole():
    packages = list_packages()
    assert "default" in [package.card.name for package in packages]
    for package in packages:
        assert package.size <= 40e6
        assert package.card.licence
        package.load_torch()
