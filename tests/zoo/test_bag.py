from __future__ import annotations

import os
import shutil

import pytest
import tomli_w
from hypothesis import given

from partita.errors import ConfigError, ModelError
from partita.zoo.bag import open_bag, write_bag
from partita.zoo.card import read_card
from tests.zoo.cards import changed, edits

FACTS = {"name": "two", "description": "d", "licence": "CC0-1.0"}


@pytest.fixture
def models(convolutional, recurrent, tmp_path):
    """A folder with two packages and an empty folder for a bag of them."""
    for package in (convolutional, recurrent):
        shutil.copytree(package.folder, tmp_path / package.folder.name)
    (tmp_path / "two").mkdir()
    return tmp_path


def bag_of(models, weights, members=("convolutional", "recurrent"), **facts):
    like = read_card(models / "convolutional")
    write_bag(models / "two", like=like, members=members, weights=weights, **{**FACTS, **facts})
    return open_bag(models / "two")


def test_weights_add_up_to_one_for_each_source(models):
    bag = bag_of(models, [[1, 1, 0, 2], [1, 0, 1, 6]], segment=44)
    assert (bag.name, bag.description, bag.licence, bag.segment) == ("two", "d", "CC0-1.0", 44)
    assert bag.sources == ("drums", "bass", "other", "vocals")
    assert (bag.audio_channels, bag.sample_rate) == (2, 44100)
    assert [member.name for member in bag.members] == ["convolutional", "recurrent"]
    assert [member.weights for member in bag.members] == [(0.5, 1, 0, 0.25), (0.5, 0, 1, 0.75)]
    assert bag.size == sum(bag.open(member).size for member in bag.members)


def test_only_members_with_a_share_are_needed(models):
    bag = bag_of(models, [[1, 1, 0, 0], [1, 0, 1, 1]])
    first, second = bag.members
    assert bag.segment is None
    assert bag.needed(["bass"]) == [first]
    assert bag.needed(["vocals", "other"]) == [second]
    assert bag.needed(["drums"]) == bag.needed(["bass", "vocals"]) == [first, second]
    assert bag.needed([]) == []
    with pytest.raises(ConfigError, match="two has no 'piano'; it has drums, bass"):
        bag.needed(["piano"])


@pytest.mark.parametrize(
    ("weights", "members", "message"),
    [
        ([[1, 1, 1, 1]], ["../two"], "'../two' is not a plain name"),
        ([[1, 1, 1]], ["recurrent"], "recurrent needs one weight from 0 to"),
        ([[1, 1, 1, -1]], ["recurrent"], "one weight from 0 to"),
        ([[1, 1, 1, 0]], ["recurrent"], "a source has no model"),
        ([[1, 1, 1, float("inf")]], ["recurrent"], r"members\.weights: must be finite, not inf"),
        ([], [], "without members"),
    ],
)
def test_an_invalid_bag_is_named(models, weights, members, message):
    with pytest.raises(ModelError, match=rf"two/bag\.toml: .*{message}"):
        bag_of(models, weights, members)


@pytest.mark.parametrize("content", ["", "name = 1", "members = [1]", "members = [{}]", "="])
def test_a_broken_file_is_named(models, content):
    (models / "two" / "bag.toml").write_text(content)
    with pytest.raises(ModelError, match=r"two/bag\.toml: "):
        open_bag(models / "two")


def test_a_member_with_other_sources_is_refused(models):
    card = models / "recurrent" / "card.toml"
    card.write_text(card.read_text().replace('"vocals"', '"voice"'))
    bag = bag_of(models, [[1, 1, 1, 1]] * 2)
    first, second = bag.members
    assert bag.open(first).card.name == "convolutional"
    with pytest.raises(ModelError, match="recurrent has other sources or another sample rate than the bag"):
        bag.open(second)


def test_a_bag_opens_without_the_members_that_are_not_installed(models):
    shutil.rmtree(models / "recurrent")
    bag = bag_of(models, [[1, 1, 0, 0], [0, 0, 1, 1]])
    first, second = bag.members
    assert (first.installed, second.installed) == (True, False)
    assert bag.size == bag.open(first).size
    with pytest.raises(ModelError, match=r"two: its member recurrent is not installed; .* partita models get two"):
        bag.open(second)


BAG = {
    **FACTS,
    "sources": ["a", "b"],
    "audio_channels": 2,
    "sample_rate": 44100,
    "segment": 7.8,
    "members": [{"model": "x", "weights": [1.0, 0.0]}, {"model": "y", "weights": [0.0, 1.0]}],
}


def written(folder, facts):
    (folder / "bag.toml").write_text(tomli_w.dumps(facts))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../two"}, "name: '../two' is not a plain name"),
        ({"sources": ["a", "A"]}, "sources: .* are the same name"),
        ({"sources": []}, "sources: name at least one stem"),
        ({"sample_rate": 2**70}, "sample_rate: the number is too large"),
        ({"sample_rate": 0}, "sample_rate: must be at least 1"),
        ({"segment": 0}, "segment: must be a sample"),
        ({"segment": float("nan")}, "segment: must be finite"),
        ({"members": 1}, "members: must be a list"),
        ({"members": [{"model": "x", "weights": [1, True]}]}, r"members\.weights: must be a number, not true"),
        ({"members": [{"model": "x", "weights": [1, 1]}] * 2}, "members: 'x' and 'x' are the same name"),
        ({"members": [{"model": "x", "weights": [1e308, 1]}]}, "x needs one weight from 0 to"),
        ({"surprise": 1}, "unknown field 'surprise'"),
    ],
)
def test_a_hostile_bag_is_named(tmp_path, changes, message):
    assert len(open_bag(written(tmp_path, BAG)).members) == 2
    with pytest.raises(ModelError, match=rf"bag\.toml: {message}"):
        open_bag(written(tmp_path, changed(BAG, changes)))


@given(edits(BAG))
def test_any_bag_is_opened_or_refused(tmp_path_factory, facts):
    folder = written(tmp_path_factory.mktemp("bag"), facts)
    try:
        bag = open_bag(folder)
    except ModelError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert all(sum(column) == pytest.approx(1) for column in zip(*(m.weights for m in bag.members), strict=True))


def test_a_bag_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "bag.toml")
    with pytest.raises(ModelError, match=r"bag\.toml: is not a regular file"):
        open_bag(tmp_path)
