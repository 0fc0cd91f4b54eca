from __future__ import annotations

import subprocess
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


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_lengths_of_a_model_are_those_of_its_configuration(name):
    config = configure(name)
    small = {"channels": 4, "filters": 4, "hidden": 4} if name != "spectrogram-unet" else {"filters": [4] * 6}
    fields = {key: value for key, value in small.items() if key in vars(config)}
    if name.startswith("hybrid") or name == "residual-demucs":
        fields = {"channels": 16}
    if name == "hybrid-transformer-demucs":
        fields |= {"transformer_channels": 16, "transformer_layers": 1, "segment": 0.5}
    config, model = configure(name, **fields), build(name, **fields)
    assert (model.geometry, model.stages) == (config.geometry, config.stages)


def test_configurations_need_no_torch():
    """A separation reads the lengths of a model from its configuration, with or without torch."""
    script = (
        "import sys; sys.modules['torch'] = None; from partita.models import ARCHITECTURES, configure;"
        "print(*(configure(name).geometry.shortest_input for name in ARCHITECTURES))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == " ".join(str(configure(name).geometry.shortest_input) for name in ARCHITECTURES) + "\n"


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("demucs", {"depth": 10**9}, "depth: must be at most"),
        ("demucs", {"depth": 1.5}, "depth: must be a whole number, not 1.5"),
        ("demucs", {"depth": True}, "depth: must be a whole number, not true"),
        ("demucs", {"depth": 60}, "geometry: the shortest input of the model is too long"),
        ("demucs", {"sample_rate": 2**70}, "sample_rate: the number is too large"),
        ("demucs", {"sources": ["../../drums", "rest"]}, "sources: '../../drums' is not a plain name"),
        ("demucs", {"sources": ["a", "A"]}, "sources: .* are the same name"),
        ("demucs", {"sources": [f"s{index}" for index in range(99)]}, "sources: at most 64"),
        ("demucs", {"growth": float("nan")}, "growth: must be finite"),
        ("wave-unet", {"levels": 10**9}, "levels: must be at most"),
        ("conv-tasnet", {"filter_size": 2**24}, "geometry"),
        ("hybrid-transformer-demucs", {"segment": 1e9}, "segment: must be at most"),
        ("spectrogram-unet", {"filters": [1] * 100}, "filters: at most 20 levels"),
        ("spectrogram-unet", {"hop": 0}, "hop: must be at least 1"),
        ("open-unmix", {"n_fft": 2**24, "hop": 3}, "hop"),
    ],
)
def test_absurd_values_end_in_one_line(name, fields, message):
    with pytest.raises(ConfigError, match=message):
        _ = configure(name, **fields).geometry
