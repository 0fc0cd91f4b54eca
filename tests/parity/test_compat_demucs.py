"""Compare partita.compat.demucs with demucs 4.1.0, where that is installed: random weights of each family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partita.compat.demucs import api, apply, audio, pretrained, separate
from tests.parity.oracle import SOURCES, half, lively

oracle = pytest.importorskip("demucs.apply", reason="demucs 4.1.0 is not installed")
pytestmark = pytest.mark.filterwarnings("default")

SEGMENT = 2  # seconds


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A folder with a checkpoint of each family and a bag of two of them."""
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    folder = tmp_path_factory.mktemp("repo")
    torch.manual_seed(0)
    cases = {
        "11111111": (Demucs, {"channels": 4, "depth": 5}),
        "22222222": (HDemucs, {"channels": 4}),
        "33333333": (HTDemucs, {"channels": 8, "bottom_channels": 16, "t_heads": 2}),
        "44444444": (HTDemucs, {"channels": 8, "bottom_channels": 16, "t_heads": 2}),
    }
    for name, (klass, options) in cases.items():
        kwargs = {"sources": SOURCES, "segment": SEGMENT, **options}
        model = lively(klass(**kwargs))
        content = {"klass": klass, "args": (), "kwargs": kwargs, "state": half(model), "training_args": {}}
        torch.save(content, folder / f"{name}.th")
    (folder / "bag.yaml").write_text(
        "models: ['33333333', '44444444']\nweights: [\n  [1., 0., 1., 0.],\n  [0., 1., 1., 3.],\n]\n"
    )
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PARTITA_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def both(name, repo):
    import demucs.pretrained

    return demucs.pretrained.get_model(name, Path(repo)), pretrained.get_model(name, repo)


def normalised(noise, samples):
    mix = torch.from_numpy(noise[:, :samples])
    mono = mix.mean(0)
    return ((mix - mono.mean()) / mono.std())[None]


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["11111111", "22222222", "33333333", "bag"])
def test_one_window(repo, noise, name):
    theirs, ours = both(name, repo)
    assert ours.sources == theirs.sources
    assert (ours.samplerate, ours.audio_channels) == (theirs.samplerate, theirs.audio_channels)
    samples = SEGMENT * 44100
    if name == "11111111":  # demucs fills up other lengths before it measures the level
        samples = theirs.valid_length(samples)
    mix = normalised(noise, samples)
    options = {"shifts": 0, "split": False}
    assert_close(apply.apply_model(ours, mix, **options), oracle.apply_model(theirs, mix, **options))


@pytest.mark.parametrize("name", ["22222222", "33333333", "bag"])
def test_windows_but_the_last(repo, noise, name):
    """The last windows lie differently: those of demucs are filled up with silence, those of partita with music."""
    theirs, ours = both(name, repo)
    mix = normalised(np.tile(noise, 2), 2 * noise.shape[1])
    ours_events, theirs_events = [], []
    found = apply.apply_model(ours, mix, shifts=0, callback=ours_events.append)
    expected = oracle.apply_model(theirs, mix, shifts=0, callback=theirs_events.append)
    same = mix.shape[-1] - SEGMENT * 44100
    assert_close(found[..., :same], expected[..., :same])
    assert ours_events == theirs_events


def test_the_torch_module(repo, noise):
    theirs, ours = both("33333333", repo)
    mix = normalised(noise, SEGMENT * 44100)
    with torch.no_grad():
        assert_close(ours(mix), theirs(mix))


def test_conversion_and_clipping(noise):
    import demucs.audio

    wav = torch.from_numpy(noise)
    time = torch.arange(44100) / 44100
    tones = torch.stack([torch.sin(2 * torch.pi * 220 * time), torch.sin(2 * torch.pi * 1000 * time)])
    for rate, channels in ((48000, 2), (22050, 1), (44100, 1)):
        found = audio.convert_audio(tones, 44100, rate, channels)
        expected = demucs.audio.convert_audio(tones, 44100, rate, channels)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found[:, 2000:-2000], expected[:, 2000:-2000], atol=2e-3)
    for mode in ("rescale", "clamp", "tanh", "none"):
        torch.testing.assert_close(audio.prevent_clip(8 * wav, mode), demucs.audio.prevent_clip(8 * wav, mode))


def test_the_options_of_the_command():
    pytest.importorskip("sphn")
    from demucs.separate import get_parser

    def options(parser):
        actions = {tuple(action.option_strings): action for action in parser._actions}
        return {
            names: (action.dest, str(action.default), action.nargs, action.choices, action.type)
            for names, action in actions.items()
            if action.dest not in ("help", "device")  # by default, the device is what is fastest here
        }

    assert options(separate.get_parser()) == options(get_parser())


def test_the_parameters_of_the_functions():
    pytest.importorskip("sphn")
    import inspect

    import demucs.api

    for found, expected in (
        (api.Separator, demucs.api.Separator),
        (api.Separator.update_parameter, demucs.api.Separator.update_parameter),
        (api.Separator.separate_tensor, demucs.api.Separator.separate_tensor),
        (api.Separator.separate_audio_file, demucs.api.Separator.separate_audio_file),
        (api.save_audio, demucs.api.save_audio),
        (api.list_models, demucs.api.list_models),
        (apply.apply_model, oracle.apply_model),
        (apply.BagOfModels, oracle.BagOfModels),
        (audio.AudioFile.read, demucs.api.AudioFile.read),
    ):
        assert list(inspect.signature(found).parameters) == list(inspect.signature(expected).parameters)
