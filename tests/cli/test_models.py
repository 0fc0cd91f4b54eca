from __future__ import annotations

import json
import pickle
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from partita.zoo import find_package, registry
from partita.zoo.package import file_sha256
from partita.zoo.published import PublishedFile, PublishedModel


def test_models_are_listed_with_their_scores(command_line):
    code, out, _ = command_line("models")
    card = find_package("default").card
    assert code == 0
    assert "default" in out
    assert card.licence in out
    assert f"drums {card.scores['sdr']['drums']:.1f} dB" in out
    assert f"scores: {card.scores['definition']}" in out.replace("\n", " ") or "scores: SDR in dB" in out


def test_json_has_the_facts_of_the_cards(command_line):
    code, out, _ = command_line("models", "--json")
    assert code == 0
    package = find_package("default")
    (facts,) = [facts for facts in json.loads(out) if facts["name"] == "default"]
    assert facts["sources"] == list(package.card.sources)
    assert facts["bytes"] == package.size
    assert facts["scores"] == package.card.scores


PUBLISHED = Path(__file__).parent.parent / "zoo" / "published"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTITA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PARTITA_MIRROR", raising=False)
    return tmp_path / "home"


def test_a_checkpoint_is_imported_listed_and_removed(command_line, home):
    code, _, err = command_line("models", "import", PUBLISHED / "demucs-2021.th", "--name", "mine")
    assert code == 0
    assert "mine: 0 MB in" in err
    assert "partita separate -m mine" in err
    (facts,) = [facts for facts in json.loads(command_line("models", "--json")[1]) if facts["name"] == "mine"]
    assert facts["status"] == "installed"
    assert command_line("models", "remove", "mine")[0] == 0
    assert not (home / "models" / "mine").exists()
    code, _, err = command_line("models", "remove", "mine")
    assert code == 1
    assert "mine: not installed" in err


def test_published_models_are_listed_with_size_licence_and_files(command_line, home):
    assert not home.exists()
    _, out, _ = command_line("models")
    assert "htdemucs_ft" in out
    assert "84 MB" in out
    assert "scientific purposes only" in out
    (facts,) = [facts for facts in json.loads(command_line("models", "--json")[1]) if facts["name"] == "htdemucs"]
    assert facts["status"] == "available"
    assert facts["files"][0]["sha256"] == "8726e21a"


def test_a_hostile_file_ends_in_one_line(command_line, home, tmp_path):
    (tmp_path / "model.th").write_bytes(pickle.dumps(print))
    code, _, err = command_line("models", "import", "model.th")
    assert code == 1
    assert (
        err == "error: model.th: it refers to builtins.print, which no known model needs; nothing in it was executed\n"
    )
    assert not home.exists()


@pytest.mark.usefixtures("home")
def test_offline_and_unknown_models_are_explained(command_line):
    assert "downloads are off" in command_line("models", "get", "htdemucs", "--offline")[2]
    assert "downloads are off" in command_line("separate", "-m", "htdemucs", "--offline", "song.wav")[2]
    assert "choose tasnet-2019 or tasnet-2021" in command_line("models", "get", "tasnet")[2]


def test_separating_fetches_a_model_on_first_use(command_line, home, song, tmp_path, monkeypatch):
    """From a local mirror, with its size and licence announced."""
    (tmp_path / "mirror").mkdir()
    shutil.copy(PUBLISHED / "demucs-2021.th", tmp_path / "mirror")
    digest = file_sha256(PUBLISHED / "demucs-2021.th")
    model = PublishedModel(
        "tiny", "a model", "for tests", files=(PublishedFile("https://a.invalid/demucs-2021.th", digest, 30000),)
    )
    monkeypatch.setenv("PARTITA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr("partita.zoo.published.published_models", lambda: {"tiny": model})
    code, _, err = command_line("separate", "-m", "tiny", "--segment", "1", song)
    assert code == 0, err
    assert "tiny: about 0 MB from the mirror, checked by sha256; licence: for tests" in err
    assert (tmp_path / "separated" / "tiny" / "song" / "vocals.wav").is_file()
    assert (home / "models" / "tiny").is_dir()


class Files(SimpleHTTPRequestHandler):
    """Serves a folder and keeps the requests."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def asked(monkeypatch):
    """The requests to a server with the members of the only published bag."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=PUBLISHED))
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    members = []
    for name in ("demucs-2019", "demucs-2021"):
        path = PUBLISHED / f"{name}.th"
        file = PublishedFile(f"http://127.0.0.1:{server.server_port}/{path.name}", file_sha256(path), 30000)
        members.append(PublishedModel(name, "a member", "for tests", files=(file,)))
    weights = ((1.0, 1.0, 1.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    models = {"pair": PublishedModel("pair", "a bag", "for tests", members=tuple(members), weights=weights)}
    monkeypatch.setattr("partita.zoo.published.published_models", lambda: models)
    for module in ("get", "listing", "registry"):
        monkeypatch.setattr(f"partita.zoo.{module}.published_models", lambda: models)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server.asked
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("home")
def test_separating_fetches_the_models_of_a_bag_that_the_stems_need(command_line, asked, song, tmp_path):
    separate = ("separate", "-m", "pair", "--segment", "1", "--overwrite", song)
    code, _, err = command_line(*separate, "--stems", "vocals")
    assert code == 0, err
    assert asked == ["/demucs-2021.th"]
    assert "pair: about 0 MB, 1 of 2 models from 127.0.0.1, checked by sha256; licence: for tests" in err
    assert [path.name for path in (tmp_path / "separated" / "pair" / "song").iterdir()] == ["vocals.wav"]
    (facts,) = [facts for facts in json.loads(command_line("models", "--json")[1]) if facts["name"] == "pair"]
    assert (facts["status"], facts["members"]) == ("incomplete", ["demucs-2019", "demucs-2021"])
    assert command_line(*separate, "--two-stems", "vocals", "--offline")[0] == 0
    code, _, err = command_line(*separate, "--two-stems", "bass", "--offline")
    assert (code, asked) == (1, ["/demucs-2021.th"])
    assert "demucs-2019 is not installed, and downloads are off" in err
    assert command_line(*separate)[0] == 0
    assert asked == ["/demucs-2021.th", "/demucs-2019.th"]
    code, _, err = command_line("models", "remove", "pair")
    assert "partita models remove demucs-2019 demucs-2021" in err


@pytest.mark.parametrize(
    "words",
    [
        ["--stems", "piano"],
        ["--two-stems", "piano"],
        ["-o", "-"],
        ["--overlap", "1"],
        ["--device", "abacus"],
        ["--shifts", "-1"],
        ["--threads", "0"],
        ["--bits", "24", "--format", "mp3", "--bitrate", "7"],
    ],
)
@pytest.mark.usefixtures("home")
def test_wrong_usage_is_reported_before_a_download(command_line, asked, song, words):
    code, _, err = command_line("separate", "-m", "pair", song, *words)
    assert (code, asked) == (2, [])
    assert err.startswith("error: ")


def test_a_model_is_opened_once(command_line, home, song, monkeypatch, convolutional):
    opened = []
    open_package = registry.open_package
    monkeypatch.setattr(registry, "open_package", lambda folder: opened.append(folder) or open_package(folder))
    shutil.copytree(convolutional.folder, home / "models" / "mine")
    assert command_line("separate", "-m", "mine", song)[0] == 0
    assert opened == [home / "models" / "mine"]


def test_a_damaged_model_is_listed(command_line, home, convolutional):
    folder = shutil.copytree(convolutional.folder, home / "models" / "mine")
    (folder / "model.onnx").unlink()
    code, out, _ = command_line("models", "--json")
    (facts,) = [facts for facts in json.loads(out) if facts["name"] == "mine"]
    assert (code, facts["status"]) == (0, "damaged")
    assert "model.onnx" in facts["description"]
    assert "damaged" in command_line("models")[1]


def test_a_model_is_exported(command_line, convolutional, tmp_path):
    code, _, err = command_line("models", "export", convolutional.folder, "--to", "safetensors", "out")
    assert code == 0, err
    assert err == "out/convolutional.safetensors: 0.0 MB\n"
    assert (tmp_path / "out" / "convolutional.safetensors").is_file()
    code, _, err = command_line("models", "export", convolutional.folder, "--to", "safetensors", "out")
    assert (code, err.startswith("error: out/convolutional.safetensors: exists already")) == (1, True)


@pytest.mark.usefixtures("home")
def test_what_cannot_be_exported_is_explained(command_line, asked):
    assert command_line("models", "export", "default", "--to", "keras", "out")[0] == 2
    code, _, err = command_line("models", "export", "pair", "--to", "onnx", "out")
    assert code == 1
    assert err == "error: pair: several models, not one; export one of them: demucs-2019, demucs-2021\n"
    assert asked == []
    assert (
        "no model 'dfault': did you mean 'default'"
        in command_line("models", "export", "dfault", "--to", "onnx", "o")[2]
    )


def test_exporting_needs_the_extra(command_line_without, convolutional):
    code, err = command_line_without("torch", "models", "export", convolutional.folder, "--to", "onnx", "out")
    assert code == 1
    assert "this needs torch, which the extra 'export' installs" in err
