from __future__ import annotations

import shutil

import pytest

from partita.errors import ConfigError, ModelError
from partita.zoo.bag import open_bag, write_bag
from partita.zoo.card import read_card

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
        ([[1, 1, 1, 1]], ["../two"], "'../two' must be the name of a folder beside that of the bag"),
        ([[1, 1, 1]], ["recurrent"], "recurrent needs one weight of at least 0 for each source"),
        ([[1, 1, 1, -1]], ["recurrent"], "at least 0"),
        ([[1, 1, 1, 0]], ["recurrent"], "a source has no model"),
        ([[1, 1, 1, float("inf")]], ["recurrent"], "at least 0"),
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
