from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from partita.zoo import find_package
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
        "tiny", "a model", "for tests", (PublishedFile("https://a.invalid/demucs-2021.th", digest, 30000),)
    )
    monkeypatch.setenv("PARTITA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr("partita.zoo.published.published_models", lambda: {"tiny": model})
    code, _, err = command_line("separate", "-m", "tiny", "--segment", "1", song)
    assert code == 0, err
    assert "tiny: about 0 MB from the mirror, checked by sha256; licence: for tests" in err
    assert (tmp_path / "separated" / "tiny" / "song" / "vocals.wav").is_file()
    assert (home / "models" / "tiny").is_dir()
