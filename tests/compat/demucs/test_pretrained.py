from __future__ import annotations

import pytest

from partita.compat.demucs import pretrained
from partita.compat.demucs.apply import BagOfModels, Model
from partita.compat.demucs.pretrained import ModelLoadingError, get_model
from partita.errors import ModelError

pytestmark = pytest.mark.usefixtures("home")


def test_a_name_is_a_bag_of_one_model(convolutional):
    bag = get_model(str(convolutional.folder))
    assert isinstance(bag, BagOfModels)
    assert len(bag.models) == 1


def test_a_signature_is_the_model_itself(convolutional, monkeypatch):
    monkeypatch.setattr(pretrained, "find", lambda *_: convolutional)
    assert isinstance(get_model("955717e8"), Model)


def test_a_bag_has_its_weights_and_segment(bag, repo):
    found = get_model(str(bag))
    assert found.weights == [[1, 0, 0, 0.25], [0, 1, 1, 0.75]]
    assert [model.segment for model in found.models] == [1, 1]
    assert [model.segment for model in get_model("both", repo).models] == [2, 2]
    assert isinstance(get_model("11111111", repo), Model)


@pytest.mark.parametrize("base", [ModelError, RuntimeError])
def test_what_cannot_be_loaded(base):
    with pytest.raises(base, match="no model 'nothing'") as caught:
        get_model("nothing")
    assert isinstance(caught.value, ModelLoadingError)
