from __future__ import annotations

import json
import resource
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open

from partita.errors import ConfigError, ModelError, OutputError
from partita.models import ARCHITECTURES, build
from partita.system.onnx_runtime import onnxruntime
from partita.zoo import formats
from partita.zoo.export import export_package
from partita.zoo.formats import export_model

SMALL = {
    "conv-tasnet": {"filters": 16, "bottleneck": 8, "hidden": 16, "blocks": 2, "stacks": 1},
    "demucs": {"channels": 4, "depth": 3},
    "hybrid-demucs": {"channels": 8, "depth": 3, "n_fft": 64},
    "hybrid-transformer-demucs": {
        "channels": 8,
        "depth": 2,
        "n_fft": 256,
        "transformer_channels": 16,
        "transformer_heads": 2,
        "transformer_layers": 2,
        "segment": 0.5,
    },
    "open-unmix": {"hidden": 4, "layers": 1, "wiener_iterations": 1},
    "residual-demucs": {"channels": 8, "depth": 3},
    "spectrogram-unet": {"n_fft": 256, "hop": 64, "bins": 64, "filters": (4, 8)},
    "wave-unet": {"levels": 3, "filters": 4},
}
SUFFIXES = {"onnx": "onnx", "safetensors": "safetensors", "torchscript": "pt"}


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def every(request, tmp_path_factory):
    """A small package of each architecture."""
    torch.manual_seed(0)
    model = build(request.param, sample_rate=8000, **SMALL[request.param])
    return export_package(model, tmp_path_factory.mktemp("zoo") / "tiny", name="tiny", segment=1.0, licence="CC0-1.0")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch.manual_seed(0)
    model = build("demucs", channels=2, depth=2)
    return export_package(model, tmp_path_factory.mktemp("zoo") / "tiny", name="tiny", segment=1.0, licence="CC0-1.0")


@pytest.mark.parametrize("form", SUFFIXES)
def test_every_architecture_is_written_in_every_form(every, tmp_path, form):
    (path,) = export_model(every, form, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / f"tiny.{SUFFIXES[form]}"
    assert list(path.parent.iterdir()) == [path]


def test_an_onnx_graph_stands_alone_and_has_the_card(tiny, tmp_path):
    (path,) = export_model(tiny, "onnx", tmp_path)
    graph = onnx.load(path, load_external_data=False)
    assert not any(tensor.external_data for tensor in graph.graph.initializer)
    card = json.loads({entry.key: entry.value for entry in graph.metadata_props}["partita"])
    assert card["sources"] == list(tiny.card.sources)
    assert card["geometry"]["multiple"] == tiny.card.geometry.multiple
    x = torch.randn(1, 2, tiny.card.geometry.input_length(3000))
    (found,) = onnxruntime.InferenceSession(path).run(None, {"mixture": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, tiny.load_torch().core(x).numpy(), atol=1e-5)


def test_large_weights_lie_beside_the_graph(recurrent, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "_LARGEST_MESSAGE", 1000)
    paths = export_model(recurrent, "onnx", tmp_path)
    assert [path.name for path in paths] == ["recurrent.onnx", "recurrent.onnx.data"]
    assert paths[1].stat().st_size > 20_000
    assert paths[1].stat().st_mode == paths[0].stat().st_mode
    onnxruntime.InferenceSession(paths[0])


def test_safetensors_are_the_weights_as_they_are_stored(tiny, tmp_path):
    (path,) = export_model(tiny, "safetensors", tmp_path)
    with safe_open(path, "pt") as found, safe_open(tiny.weights, "pt") as stored:
        assert json.loads(found.metadata()["partita"])["architecture"] == "demucs"
        assert list(found.keys()) == list(stored.keys())
        for name in found.keys():  # noqa: SIM118
            assert found.get_tensor(name).dtype == torch.float16
            assert torch.equal(found.get_tensor(name), stored.get_tensor(name))


def test_a_torchscript_needs_torch_alone(tiny, tmp_path):
    (path,) = export_model(tiny, "torchscript", tmp_path)
    length = tiny.card.geometry.input_length(3000)
    code = (
        "import json, sys, torch\n"
        "facts = {'partita.json': ''}\n"
        "model = torch.jit.load(sys.argv[1], _extra_files=facts)\n"
        f"stems = model(torch.ones(3, 2, {length}))\n"
        "print(list(stems.shape[:3]), json.loads(facts['partita.json'])['sources'])\n"
        "assert 'partita' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120)
    assert result.stdout == "[3, 4, 2] ['drums', 'bass', 'other', 'vocals']\n", result.stderr


@pytest.mark.parametrize("form", SUFFIXES)
def test_a_file_that_differs_from_the_model_is_not_written(tiny, tmp_path, monkeypatch, form):
    read = formats._READERS[form]
    monkeypatch.setitem(formats._READERS, form, lambda path: lambda mixture: read(path)(1.01 * mixture))
    with pytest.raises(ModelError, match=rf"tiny: the file tiny\.{SUFFIXES[form]} differs from the model by .* of the"):
        export_model(tiny, form, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kept").mkdir()
    with pytest.raises(ModelError, match="differs"):
        export_model(tiny, form, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("form", SUFFIXES)
def test_a_full_disk_leaves_nothing(tiny, tmp_path, form):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OutputError, match="out: cannot be written: File too large"):
            export_model(tiny, form, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_existing_files_and_unknown_forms_are_refused(tiny, tmp_path):
    (tmp_path / "tiny.onnx").write_text("mine")
    with pytest.raises(OutputError, match=r"tiny\.onnx: exists already; remove it or choose another folder"):
        export_model(tiny, "onnx", tmp_path)
    assert (tmp_path / "tiny.onnx").read_text() == "mine"
    with pytest.raises(ConfigError, match="to: 'keras' is not one of onnx, safetensors, torchscript"):
        export_model(tiny, "keras", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: "):
        export_model(tiny, "safetensors", tmp_path / "file")
