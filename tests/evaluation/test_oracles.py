from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.signal import istft, stft

from partita.errors import ConfigError
from partita.evaluation import ORACLES, sdr

RNG = np.random.default_rng(0)
LONG = RNG.standard_normal((3, 2, 300_001)).astype(np.float32) * np.float32([[[1]], [[0.5]], [[0.1]]])


def estimate(name, references):
    blocks = list(ORACLES[name].estimate(references, references.sum(0)))
    assert all(block.dtype == np.float32 for block in blocks)
    return np.concatenate(blocks, axis=-1)


def whole_track_mask(name, references):
    """Return what the field's oracle scripts compute: one transform of the whole track."""
    truth, mixture = stft(references, nperseg=2048)[2], stft(references.sum(0), nperseg=2048)[2]
    power = 2 if name == "irm2" else 1
    if name == "ibm":
        mask = (np.abs(truth) / (np.abs(mixture) + 1e-16) >= 0.5).astype(float)
    else:
        mask = np.abs(truth) ** power / (np.sum(np.abs(truth) ** power, 0) + 1e-16)
    return istft(mask * mixture, nperseg=2048)[1][..., : references.shape[-1]]


@pytest.mark.parametrize("name", ["irm1", "irm2", "ibm"])
def test_blocks_give_what_one_transform_of_the_whole_track_does(name):
    assert np.abs(estimate(name, LONG) - whole_track_mask(name, LONG)).max() < 1e-5


@pytest.mark.parametrize("name", ["irm1", "irm2"])
@pytest.mark.parametrize("samples", [1, 100, 2048, 262_145])
def test_ratio_masks_share_the_mixture_out(name, samples):
    references = LONG[..., :samples]
    assert estimate(name, references).sum(0) == pytest.approx(references.sum(0), abs=1e-5)


def test_the_floor_is_the_mixture_and_the_ceiling_is_above_it():
    floor, ceiling = sdr(LONG, estimate("mixture", LONG)), sdr(LONG, estimate("irm2", LONG))
    others = np.square(LONG.sum(0) - LONG).sum((1, 2))
    assert floor == pytest.approx(10 * np.log10(np.square(LONG).sum((1, 2)) / others), abs=1e-4)
    assert (ceiling > floor + 2).all()


def test_silence_is_given_back_as_silence():
    references = np.zeros((2, 1, 5000), np.float32)
    assert not any(estimate(name, references).any() for name in ("irm1", "irm2", "mixture"))


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(ConfigError, match=r"^this needs scipy, which the extra 'evaluate' installs"):
        estimate("irm1", LONG[..., :100])
