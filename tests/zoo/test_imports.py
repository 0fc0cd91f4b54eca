from __future__ import annotations

import io
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from partita.errors import ConfigError, ModelError, OutputError
from partita.models import build
from partita.system.onnx_runtime import onnxruntime
from partita.zoo import find_package, open_package
from partita.zoo.families import Checkpoint
from partita.zoo.imports import build_model, import_checkpoint, recognise
from tests.parity.oracle import mixture

PUBLISHED = Path(__file__).with_name("published")  # made by tests/parity/check_published.py
pytestmark = pytest.mark.usefixtures("home")
FILES = sorted(path for path in PUBLISHED.iterdir() if path.suffix in (".th", ".gz"))


def imported(case="demucs-2021", name="model"):
    return import_checkpoint(PUBLISHED / f"{case}.th", name)


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


def tiny_state():
    torch.manual_seed(0)
    return build("demucs", channels=2, depth=2, resample=True).state_dict()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_imported_model_computes_what_the_published_one_does(home, path):
    package = import_checkpoint(path)
    name = path.name.partition(".")[0]
    assert package.card.name == name
    assert package.folder == home / "models" / name
    vectors = np.load(PUBLISHED / f"{name}.npz")
    x, expected = mixture(int(vectors["samples"])), vectors["output"]
    with torch.no_grad():
        found = package.load_torch().core(x)[0].numpy()
    (graph,) = onnxruntime.InferenceSession(package.graph).run(None, {"mixture": x.numpy()})
    peak = np.abs(expected).max()
    assert peak > 0.01
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * peak)
    np.testing.assert_allclose(graph[0], expected, rtol=0, atol=1e-5 * peak)


def test_a_card_says_where_the_model_is_from():
    package = imported("demucs-2019")
    assert package.card.description == "Demucs (2019), imported from demucs-2019.th"
    assert package.card.sources == ("drums", "bass", "other", "vocals")
    assert package.card.segment == 10
    (file,) = package.card.training["imported"]["files"]
    assert file["name"] == "demucs-2019.th"
    assert len(file["sha256"]) == 64
    assert find_package("model").card == package.card
    chosen = import_checkpoint(
        PUBLISHED / "demucs-2021.th", "other", description="d", licence="CC0-1.0", segment=3, origin="https://a.invalid"
    ).card
    assert (chosen.description, chosen.licence, chosen.segment) == ("d", "CC0-1.0", 3)
    assert chosen.training["imported"]["origin"] == "https://a.invalid"


@pytest.mark.parametrize("resample", [False, True])
def test_a_demucs_of_three_levels_or_more_runs_in_stages(tmp_path, resample):
    state = build("demucs", channels=2, depth=3, resample=resample).state_dict()
    package = import_checkpoint(saved(tmp_path / "model.th", state))
    assert package.card.stages is not None
    assert all(path.exists() for path in package.stage_graphs)


def test_weights_keep_their_precision(tmp_path):
    state = tiny_state()
    full = import_checkpoint(saved(tmp_path / "full.th", state))
    half = import_checkpoint(saved(tmp_path / "half.th", {name: value.half() for name, value in state.items()}))
    assert half.weights.stat().st_size < 0.7 * full.weights.stat().st_size
    for name, value in full.load_torch().state_dict().items():
        assert torch.equal(value, state[name])
    for name, value in half.load_torch().state_dict().items():
        assert torch.equal(value, state[name].half().float())


def test_open_unmix_is_imported_from_a_folder(tmp_path):
    folder = tmp_path / "umx"
    folder.mkdir()
    model = build("open-unmix", sources=("bass", "voice"), hidden=4, layers=1)
    for index, source in enumerate(("bass", "voice")):
        state = model.networks[index].state_dict()
        saved(folder / f"{source}.pth", {**state, "stft.window": torch.ones(3)})
    package = import_checkpoint(folder)
    assert package.card.name == "umx"
    assert package.card.sources == ("bass", "voice")
    assert package.card.configuration["bandwidth"] == 16000
    for name, value in package.load_torch().state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    files = [folder / "voice.pth", folder / "bass.pth"]
    assert import_checkpoint(files, "again").card.weights_sha256 == package.card.weights_sha256


def test_an_open_unmix_for_speech_is_refused(tmp_path):
    model = build("open-unmix", sources=("speech", "noise"), hidden=4, layers=1)
    state = {**model.networks[0].state_dict(), "output_scale": torch.ones(513)}
    (tmp_path / "umxse").mkdir()
    for source in ("speech", "noise"):
        saved(tmp_path / "umxse" / f"{source}.pth", state)
    with pytest.raises(ModelError, match=r"umxse: an Open-Unmix with frames of 1024 samples; .*umxse, which separates"):
        import_checkpoint(tmp_path / "umxse")


def test_importing_again_changes_nothing(home):
    first = imported()
    before = (first.folder / "card.toml").stat().st_mtime_ns
    assert imported() == first
    assert (first.folder / "card.toml").stat().st_mtime_ns == before
    assert [path.name for path in (home / "models").iterdir()] == ["model"]


def test_a_name_belongs_to_one_model():
    first = imported()
    with pytest.raises(ModelError, match=r"model: another model of this name.*--name.*partita models remove model"):
        imported("demucs-2019")
    assert open_package(first.folder) == first


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".hidden", "a b", "x" * 200])
def test_a_name_is_that_of_a_folder(name):
    with pytest.raises(ConfigError, match=r"name: .* is invalid"):
        import_checkpoint(PUBLISHED / "demucs-2021.th", name or "/")


def test_the_name_of_an_embedded_model_is_taken():
    with pytest.raises(ConfigError, match="'default' is a model that ships with partita"):
        imported(name="default")


def test_two_processes_may_import_the_same(home):
    code = (
        "import sys; from pathlib import Path; from partita.zoo.imports import import_checkpoint;"
        "print(import_checkpoint(Path(sys.argv[1]), 'model').card.weights_sha256)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(PUBLISHED / "demucs-2021.th")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs == {open_package(home / "models" / "model").card.weights_sha256 + "\n"}
    assert [path.name for path in (home / "models").iterdir()] == ["model"]


def test_a_folder_that_cannot_be_written_is_named(home):
    home.touch()
    with pytest.raises(OutputError, match="model: cannot be written: Not a directory"):
        imported()


def test_a_full_disk_leaves_nothing(home):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written: File too large"):
            imported()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((home / "models").iterdir()) == []


# Checkpoints that are not what they seem


def refused(tmp_path, content, message):
    path = saved(tmp_path / "model.th", content)
    with pytest.raises(ModelError, match=message) as caught:
        import_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "home" / "models").exists()


@pytest.mark.parametrize(
    "content",
    [
        1,
        [],
        {},
        {"a": 1},
        {"weight": torch.ones(2)},
        ("a", (), {}, {}),
        {"compressed": 1},
        {"epoch": 3, "state_dict": {}},
    ],
    ids=str,
)
def test_what_is_no_model_is_refused(tmp_path, content):
    refused(tmp_path, content, "not a checkpoint of Demucs, Hybrid Demucs, Hybrid Transformer Demucs, Conv-TasNet or")


def test_a_half_download_is_recognised_by_its_name(tmp_path):
    (tmp_path / "955717e8-8726e21a.th").write_bytes((PUBLISHED / "demucs-2021.th").read_bytes()[:20_000])
    with pytest.raises(ModelError, match=r"its sha256 does not begin with 8726e21a.*download it again"):
        import_checkpoint(tmp_path / "955717e8-8726e21a.th")


def test_weights_of_another_shape_are_refused(tmp_path):
    state = tiny_state()
    wrong = {**state, "encoder.0.0.bias": torch.ones(7)}
    refused(tmp_path, wrong, r"encoder\.0\.0\.bias has the shape \(7,\) instead of \(2,\)")
    refused(tmp_path, {name: v for name, v in state.items() if name != "lstm.linear.bias"}, r"lack lstm\.linear\.bias")
    refused(tmp_path, {**state, "extra": torch.ones(1)}, "'extra'")
    refused(tmp_path, {**state, "encoder.0.0.weight": torch.ones(2)}, "invalid|damaged")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(ModelError, match="not all finite"):
        import_checkpoint(saved(tmp_path / "m.th", {**tiny_state(), "encoder.0.0.bias": torch.tensor([1.0, np.nan])}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 10**9}, "depth = 1000000000 needs more weights"),
        ({"lstm_layers": 10**9}, "needs more weights"),
        ({"channels": 10**15}, "channels: must be at most 16777216"),
        ({"channels": -1}, "channels: must be at least 1"),
        ({"growth": 1e300}, "growth: must be at most 16777216"),
        ({"depth": "deep"}, "invalid"),
        ({"kernel_size": None}, "kernel_size: must be a whole number, not none"),
        ({"normalize": True}, "normalize = 'True' is not supported"),
        ({"surprise": 1}, "surprise = '1' is not supported"),
        ({"sources": [1]}, "names of the sources"),
    ],
)
def test_absurd_arguments_end_in_one_line(arguments, message):
    state = {name: value.numpy() for name, value in tiny_state().items()}
    chosen = {"sources": ["a", "b", "c", "d"], "channels": 2, "depth": 2, **arguments}
    with pytest.raises(ModelError, match=f"model: .*{message}") as caught:
        build_model(Checkpoint("demucs-2021", chosen, state), "model")
    assert "\n" not in str(caught.value)


def test_a_damaged_quantised_state_is_refused(tmp_path):
    for state in (
        {"quantized": []},
        {"quantized": [], "others": [], "float16": []},
        {
            "quantized": [(torch.ones(1), (0, 1), torch.ones(1))] * 99,
            "others": [torch.ones(2, 2, 8)] * 99,
            "float16": [],
        },
    ):
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = {"compressed": __import__("zlib").compress(buffer.getvalue())}
        path = saved(tmp_path / "model.th", content)
        with pytest.raises(ModelError, match=r"model\.th: .*quantised weights|model\.th: .*values instead of"):
            build_model(recognise(path), str(path))


def test_an_unknown_class_is_named(tmp_path):
    shutil.copy(PUBLISHED / "demucs-2019.th", tmp_path / "model.th")
    content = (tmp_path / "model.th").read_bytes().replace(b"cdemucs.model\nDemucs\n", b"cdemucs.model\nDemon5\n")
    (tmp_path / "model.th").write_bytes(content)
    with pytest.raises(ModelError, match=r"refers to demucs\.model\.Demon5, which no known model needs"):
        recognise(tmp_path / "model.th")


def test_a_folder_without_files_and_a_mixture_of_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"a folder without \*\.pth files"):
        import_checkpoint(tmp_path)
    with pytest.raises(ModelError, match="not the files of an Open-Unmix"):
        import_checkpoint([PUBLISHED / "demucs-2019.th", PUBLISHED / "demucs-2021.th"], "model")
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        import_checkpoint(tmp_path / "missing.th")
