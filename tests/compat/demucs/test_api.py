from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import partita
from partita.compat.demucs import api
from partita.errors import AudioError, ConfigError, ModelError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def separator(convolutional):
    return api.Separator(str(convolutional.folder), device="cpu")


def test_a_file_and_a_tensor(separator, convolutional, song, noise):
    origin, stems = separator.separate_audio_file(song)
    np.testing.assert_array_equal(origin, noise)
    expected = partita.Separator(convolutional, device="cpu").separate(noise)
    assert list(stems) == list(expected)
    for name, stem in stems.items():
        np.testing.assert_array_equal(stem, expected[name])
    mono = torch.from_numpy(noise[:1])
    origin, stems = separator.separate_tensor(mono, 22050)
    assert origin.shape == stems["vocals"].shape == (2, 2 * noise.shape[1])


def test_parameters_change_one_by_one(separator, noise):
    assert (separator.samplerate, separator.audio_channels, len(separator.model.models)) == (44100, 2, 1)
    events = []
    separator.update_parameter(callback=events.append, callback_arg={"id": 7})
    separator.update_parameter(segment=1.5, overlap=0.0, shifts=0, split=True, jobs=2, progress=False)
    separator.separate_tensor(torch.from_numpy(noise))
    assert [event["segment_offset"] for event in events] == [0, 0, 66150, 66150]
    assert {(event["audio_length"], event["id"], event["models"]) for event in events} == {(132300, 7, 1)}
    separator.update_parameter(callback=None, segment=None)
    separator.separate_tensor(torch.from_numpy(noise))
    assert len(events) == 4


def test_a_subclass_may_bring_its_own_model(separator, noise):
    class Preloaded(api.Separator):
        def __init__(self, model):
            self._model, self._samplerate, self._audio_channels = model, model.samplerate, model.audio_channels
            self.update_parameter(
                device="cpu",
                shifts=1,
                overlap=0.25,
                split=True,
                segment=None,
                jobs=0,
                progress=False,
                callback=None,
                callback_arg=None,
            )

    stems = Preloaded(separator.model).separate_tensor(torch.from_numpy(noise))[1]
    assert set(stems) == {"drums", "bass", "other", "vocals"}


def test_bad_input(separator, tmp_path):
    with pytest.raises(api.LoadAudioError, match="missing") as caught:
        separator.separate_audio_file(tmp_path / "missing.wav")
    assert isinstance(caught.value, AudioError)
    with pytest.raises(ConfigError, match=r"wav: must be \(channels, samples\)"):
        separator.separate_tensor(torch.zeros(100))
    with pytest.raises(api.LoadModelError, match="no model 'nothing'") as caught:
        api.Separator("nothing")
    assert isinstance(caught.value, ModelError)


def test_models_are_listed(repo):
    known = api.list_models()
    assert {"htdemucs", "htdemucs_ft", "mdx_extra"} <= set(known["bag"])
    assert "955717e8" in known["single"]
    local = api.list_models(repo)
    assert (set(local["single"]), set(local["bag"])) == ({"11111111", "22222222"}, {"both"})


def test_one_clear_error_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import partita.compat.demucs.separate\n"
        "try:\n    import partita.compat.demucs.api\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.startswith(
        "MissingTorchError partita.compat.demucs: this needs torch, which the extra 'torch'"
    )
