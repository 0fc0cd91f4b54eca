"""Our models of 2021 and 2022 against outputs of the published classes (made by ``make_hybrid_vectors.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partita.errors import ModelError
from partita.models import build
from partita.models.published import convert_arguments, convert_state

from .make_hybrid_vectors import CASES, SHARED, mixture, weights

VECTORS = np.load(Path(__file__).with_name("hybrid_vectors.npz"))


def converted(index):
    name, arguments, _ = CASES[index]
    architecture, configuration = convert_arguments(name, arguments)
    return build(architecture, **configuration).eval()


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{name} {samples}" for name, _, samples in CASES])
def test_same_weights_same_output(index):
    _, _, samples = CASES[index]
    model = converted(index)
    model.load_state_dict(convert_state(model, weights(json.loads(str(VECTORS[f"shapes_{index}"])))))
    with torch.no_grad():
        found = model.core(mixture(model.audio_channels, samples)).numpy()
    expected = VECTORS[f"output_{index}"]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "architecture", "millions"),
    [
        ("Demucs", "residual-demucs", 133.8),
        ("HDemucs", "hybrid-demucs", 83.6),
        ("HTDemucs", "hybrid-transformer-demucs", 26.9),
    ],
)
def test_default_arguments_give_models_of_the_published_size(name, architecture, millions):
    found, configuration = convert_arguments(name, {"sources": ["drums", "bass", "other", "vocals"]})
    assert found == architecture
    with torch.device("meta"):
        model = build(architecture, **{**configuration, "rescale": 0})
    assert round(model.parameter_count() / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Wave", {}, "Wave: not one of the published classes"),
        ("HDemucs", {"hybrid": False}, "HDemucs: hybrid = False is not supported"),
        ("HDemucs", {"wiener_iters": 1}, "wiener_iters = 1"),
        ("HDemucs", {"dconv_mode": 4}, "dconv_mode = 4"),
        ("HTDemucs", {"t_emb": "cape"}, "t_emb = 'cape'"),
        ("HTDemucs", {"new": 1}, "new = 1"),
    ],
)
def test_what_no_published_model_has_is_refused(name, arguments, message):
    with pytest.raises(ModelError, match=message):
        convert_arguments(name, arguments)


def test_weights_of_another_model_are_refused():
    model = converted(0)
    state = weights(json.loads(str(VECTORS["shapes_0"])))
    lost = state.pop("tdecoder.1.conv_tr.bias")
    with pytest.raises(ModelError, match=r"tdecoder\.1\.conv_tr\.bias: missing from the published weights"):
        convert_state(model, state)
    state["tdecoder.1.conv_tr.bias"] = lost[:-1]
    with pytest.raises(ModelError, match=r"tdecoder\.1\.conv_tr\.bias: has the shape \(\d+,\), which does not fit"):
        convert_state(model, state)
    state |= {"tdecoder.1.conv_tr.bias": lost, "more": lost}
    with pytest.raises(ModelError, match="more: not a weight of hybrid-demucs"):
        convert_state(model, state)


def test_left_out_arguments_have_the_published_defaults():
    _, configuration = convert_arguments("HTDemucs", {"sources": SHARED["sources"]})
    assert configuration["branches"] == "encoder"
    assert configuration["segment"] == 10
