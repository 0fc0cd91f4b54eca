from __future__ import annotations

import sys

import pytest

from partita.errors import ConfigError, ModelError
from partita.models import ARCHITECTURES, ModelConfig, WaveformModel, build, configure
from partita.system.extras import missing_extra


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_configured_by_its_class(name):
    config = configure(name, sample_rate=22050)
    assert isinstance(config, ModelConfig)
    assert config.sample_rate == 22050


def test_a_model_is_built_from_the_fields():
    model = build("demucs", channels=4, depth=2, sources=["voice", "rest"])
    assert isinstance(model, WaveformModel)
    assert (model.architecture, model.sources) == ("demucs", ("voice", "rest"))
    assert model.configuration["channels"] == 4


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("demcus", {}, "unknown architecture 'demcus': did you mean 'demucs'"),
        ("demucs", {"chanels": 4}, "demucs has no field 'chanels': did you mean 'channels'"),
        ("demucs", {"channels": 0}, "channels: must be at least 1, not 0"),
    ],
)
def test_what_is_invalid_is_named(name, fields, message):
    with pytest.raises(ConfigError, match=message):
        build(name, **fields)


def test_without_torch_building_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "partita.models.demucs", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError) as caught:
        build("demucs")
    assert str(caught.value) == missing_extra("torch", "torch")
