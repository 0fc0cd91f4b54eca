from __future__ import annotations

import copy
import math

import pytest
import torch

from partita.compat.demucs.hdemucs import HDemucs
from partita.compat.demucs.htdemucs import HTDemucs
from partita.compat.demucs.models import BagOfModels, Model, wrap
from partita.errors import ConfigError
from partita.zoo import Package


def test_attributes_are_those_of_demucs(convolutional):
    model = Model(convolutional)
    assert model.sources == ["drums", "bass", "other", "vocals"]
    assert (model.samplerate, model.audio_channels, model.segment) == (44100, 2, 1.0)
    assert model.max_allowed_segment == math.inf
    assert Model(convolutional, 2.5).segment == 2.5


@pytest.mark.parametrize(
    ("architecture", "kind"), [("hybrid-transformer-demucs", HTDemucs), ("hybrid-demucs", HDemucs), ("demucs", Model)]
)
def test_classes_are_those_of_demucs(convolutional, architecture, kind):
    card = copy.copy(convolutional.card)
    object.__setattr__(card, "architecture", architecture)
    model = wrap(Package(convolutional.folder, card))
    assert type(model) is kind
    assert model.max_allowed_segment == (1.0 if kind is HTDemucs else math.inf)


def test_the_torch_module_is_built_when_it_is_needed(convolutional, noise):
    model = Model(convolutional).eval().to("cpu")
    assert not dict(model.named_children())
    assert next(model.parameters()).device.type == "cpu"
    assert not next(iter(model.network.children())).training
    mix = torch.from_numpy(noise[None, :, :20000])
    torch.testing.assert_close(model(mix), convolutional.load_torch()(mix))


def test_a_separator_is_kept_until_its_options_change(convolutional):
    model = Model(convolutional)
    first = model.separator(torch.device("cpu"), None, 0.25, 1)
    assert model.separator(torch.device("cpu"), 1.0, 0.25, 1) is first
    assert model.separator(torch.device("cpu"), 1.0, 0.5, 1) is not first


def test_a_bag(convolutional, recurrent):
    models = [Model(convolutional), Model(recurrent)]
    bag = BagOfModels(models, segment=0.5)
    assert (bag.sources, bag.samplerate, bag.audio_channels) == (models[0].sources, 44100, 2)
    assert bag.weights == [[1.0] * 4] * 2
    assert [model.segment for model in bag.models] == [0.5, 0.5]
    assert bag.max_allowed_segment == math.inf
    models[1].max_allowed_segment = 0.6
    assert BagOfModels(models, segment=0.7).max_allowed_segment == 0.6
    assert [model.segment for model in models] == [0.7, 0.5]
    with pytest.raises(NotImplementedError, match="apply_model"):
        bag(torch.zeros(1, 2, 100))


def test_an_invalid_bag(convolutional):
    with pytest.raises(ConfigError, match="models: give at least one"):
        BagOfModels([])
    with pytest.raises(ConfigError, match="weights: give each model one weight for each source"):
        BagOfModels([Model(convolutional)], [[1.0]])
