from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from partita.errors import ConfigError, ModelError
from partita.zoo import find_package, get
from partita.zoo import published as table
from partita.zoo.bag import Bag
from partita.zoo.get import get_model
from partita.zoo.package import Package, file_sha256
from partita.zoo.published import PublishedFile, PublishedModel
from partita.zoo.registry import find_model, installed_names, remove_model

pytestmark = pytest.mark.usefixtures("home", "mirror")
PUBLISHED = Path(__file__).with_name("published")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A local mirror with two models and a bag of them, as the only published ones."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("PARTITA_MIRROR", str(folder))
    members = []
    for name in ("demucs-2019", "demucs-2021"):
        shutil.copy(PUBLISHED / f"{name}.th", folder)
        file = PublishedFile(f"https://models.invalid/{name}.th", file_sha256(folder / f"{name}.th")[:8], 30_000)
        members.append(PublishedModel(name, f"the {name}", "for tests only", files=(file,), segment=2.0))
    weights = ((1.0, 1.0, 0.0, 0.0), (1.0, 0.0, 1.0, 1.0))
    bag = PublishedModel("both", "two models", "for tests only", members=tuple(members), weights=weights, segment=3.0)
    models = {model.name: model for model in (*members, bag)}
    monkeypatch.setattr(table, "published_models", lambda: models)
    monkeypatch.setattr(get, "published_models", lambda: models)
    return folder


def test_a_model_is_downloaded_and_installed_once(mirror, home):
    lines, files, seen = [], [], []

    def start(file):
        files.append(file)
        return lambda done, total: seen.append((done, total))

    package = get_model("demucs-2021", announce=lines.append, progress=start)
    assert isinstance(package, Package)
    assert (package.card.description, package.card.licence, package.card.segment) == (
        "the demucs-2021",
        "for tests only",
        2,
    )
    assert package.card.training["imported"]["origin"] == "https://models.invalid/demucs-2021.th"
    assert len(lines) == 1
    assert "licence: for tests only" in lines[0]
    assert files == ["demucs-2021.th"]
    assert not list((home / "downloads").iterdir())
    shutil.rmtree(mirror)
    assert get_model("demucs-2021", announce=lines.append) == package
    assert get_model("demucs-2021", offline=True) == package
    assert find_package("demucs-2021") == package
    assert len(lines) == 1


def test_a_bag_installs_its_members():
    assert isinstance(get_model("demucs-2019"), Package)
    bag = get_model("both")
    assert isinstance(bag, Bag)
    assert bag.segment == 3
    assert [member.name for member in bag.members] == ["demucs-2019", "demucs-2021"]
    assert [member.name for member in bag.needed(["vocals"])] == ["demucs-2021"]
    assert installed_names() == ["both", "demucs-2019", "demucs-2021"]
    assert find_model("both") == bag
    with pytest.raises(ModelError, match="both: a bag of several models; choose one of them: demucs-2019, demucs-2021"):
        find_package("both")


def test_only_the_members_that_the_stems_need_are_downloaded(mirror):
    lines, asked = [], []

    def stems(sources):
        asked.append(sources)
        return ["vocals"]

    bag = get_model("both", stems=stems, announce=lines.append)
    assert asked == [("drums", "bass", "other", "vocals")]
    assert "both: about 0 MB, 1 of 2 models from the mirror" in lines[0]
    assert installed_names() == ["both", "demucs-2021"]
    assert [member.installed for member in bag.members] == [False, True]
    with pytest.raises(ModelError, match="both: its member demucs-2019 is not installed; get it with partita models"):
        bag.open(bag.members[0])
    assert get_model("both", stems=stems, offline=True) == bag
    with pytest.raises(ModelError, match="both: demucs-2019 is not installed, and downloads are off"):
        get_model("both", offline=True)
    assert get_model("both", announce=lines.append) == bag
    assert "both: about 0 MB, 1 of 2 models" in lines[1]
    assert installed_names() == ["both", "demucs-2019", "demucs-2021"]
    shutil.rmtree(mirror)
    assert get_model("both", announce=lines.append) == bag
    assert len(lines) == 2


def test_a_bag_of_installed_members_needs_no_download(mirror):
    get_model("demucs-2019"), get_model("demucs-2021")
    shutil.rmtree(mirror)
    assert isinstance(get_model("both", offline=True), Bag)


def test_unwanted_stems_are_refused_before_anything_is_downloaded(home, convolutional):
    def refuse(sources):
        raise ConfigError(f"not {sources[0]}")

    for name in ("both", "demucs-2021", "default", str(convolutional.folder)):
        with pytest.raises(ConfigError, match="not drums"):
            get_model(name, stems=refuse)
    assert not home.exists()


def test_what_an_import_needs_is_asked_for_before_the_download(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "partita.zoo.export", None)
    with pytest.raises(ModelError, match="the extra 'export' installs"):
        get_model("demucs-2021")
    assert not home.exists()


def test_a_bag_of_the_users_own_is_never_completed(home):
    bag = get_model("both")
    folder = shutil.copytree(bag.folder, home / "models" / "own")
    (folder / "bag.toml").write_text((folder / "bag.toml").read_text().replace('"both"', '"own"'))
    remove_model("both")
    shutil.rmtree(home / "models" / "demucs-2019")
    assert get_model("own").name == "own"
    assert installed_names() == ["demucs-2021", "own"]


def test_members_stay_as_long_as_the_bag():
    get_model("both")
    with pytest.raises(ModelError, match="demucs-2019: the bag both needs it"):
        remove_model("demucs-2019")
    assert remove_model("both") == ["demucs-2019", "demucs-2021"]
    assert remove_model("demucs-2019") == []
    assert installed_names() == ["demucs-2021"]
    with pytest.raises(ModelError, match="demucs-2019: not installed"):
        remove_model("demucs-2019")
    with pytest.raises(ModelError, match="default: ships with partita and cannot be removed"):
        remove_model("default")


def test_offline_nothing_is_downloaded(home):
    with pytest.raises(
        ModelError, match=r"demucs-2021 is not installed, and downloads are off.*partita models get demucs-2021"
    ):
        get_model("demucs-2021", offline=True)
    assert not home.exists()


def test_models_that_are_present_need_no_download(convolutional):
    assert get_model("default", offline=True).card.name == "default"
    assert get_model(str(convolutional.folder), offline=True).card == convolutional.card


def test_an_unknown_or_ambiguous_name_is_explained():
    with pytest.raises(ModelError, match=r"no model 'defalt': did you mean 'default'\?"):
        get_model("defalt")
    with pytest.raises(ModelError, match="'demucs' names two different models"):
        get_model("demucs")


def test_a_damaged_download_installs_nothing(mirror):
    (mirror / "demucs-2021.th").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="sha256"):
        get_model("demucs-2021")
    assert installed_names() == []


def test_an_import_that_fails_keeps_the_download(home, monkeypatch):
    monkeypatch.setattr("partita.zoo.get.import_checkpoint", _fail)
    with pytest.raises(ModelError, match="failed"):
        get_model("demucs-2021")
    assert [path.name for path in (home / "downloads").iterdir()] == ["demucs-2021.th"]


def _fail(*_, **__):
    raise ModelError("failed")
