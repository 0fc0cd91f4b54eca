from __future__ import annotations

import shutil

import pytest

from partita.errors import ConfigError, ModelError
from partita.zoo.bag import open_bag, write_bag

FACTS = {"name": "two", "description": "d", "licence": "CC0-1.0"}


@pytest.fixture
def models(convolutional, recurrent, tmp_path):
    """A folder with two packages and an empty folder for a bag of them."""
    for package in (convolutional, recurrent):
        shutil.copytree(package.folder, tmp_path / package.folder.name)
    (tmp_path / "two").mkdir()
    return tmp_path


def bag_of(models, weights, members=("convolutional", "recurrent"), **facts):
    write_bag(models / "two", members=members, weights=weights, **{**FACTS, **facts})
    return open_bag(models / "two")


def test_weights_add_up_to_one_for_each_source(models):
    bag = bag_of(models, [[1, 1, 0, 2], [1, 0, 1, 6]], segment=44)
    assert (bag.name, bag.description, bag.licence, bag.segment) == ("two", "d", "CC0-1.0", 44)
    assert bag.sources == ("drums", "bass", "other", "vocals")
    assert [member.package.card.name for member in bag.members] == ["convolutional", "recurrent"]
    assert [member.weights for member in bag.members] == [(0.5, 1, 0, 0.25), (0.5, 0, 1, 0.75)]
    assert bag.size == sum(member.package.size for member in bag.members)


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
        ([[1, 1, 1, 1]], ["../two"], "not installed"),
        ([[1, 1, 1, 1]], ["missing"], "'missing' is not installed; get the bag again"),
        ([[1, 1, 1]], ["recurrent"], "recurrent needs one weight of at least 0 for each source"),
        ([[1, 1, 1, -1]], ["recurrent"], "at least 0"),
        ([[1, 1, 1, 0]], ["recurrent"], "a source has no model"),
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


def test_members_have_the_same_sources(models):
    card = models / "recurrent" / "card.toml"
    card.write_text(card.read_text().replace('"vocals"', '"voice"'))
    with pytest.raises(ModelError, match="recurrent has other sources or another sample rate than convolutional"):
        bag_of(models, [[1, 1, 1, 1]] * 2)
