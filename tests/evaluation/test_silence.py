from __future__ import annotations

import math

import numpy as np
import pytest

from partita.evaluation import energy_at_silence

SQUARE = np.tile([1.0, -1.0], 1000)  # mean square 1: 0 dB


def test_the_power_of_what_is_predicted_at_silence():
    references = np.stack([SQUARE, SQUARE])[:, None] * 0.1
    references[0, :, 500:1000] = 1e-6  # -120 dB, as a lossy format may leave
    estimates = np.stack([SQUARE, SQUARE])[:, None] * [[[0.01]], [[1]]]
    found = energy_at_silence(references, estimates, window=500, hop=500)
    np.testing.assert_allclose(found, [[math.nan, -40, math.nan, math.nan], [math.nan] * 4], atol=1e-9)


def test_dither_counts_as_silence(dithered_silence):
    references = dithered_silence(44100)[None]
    found = energy_at_silence(references, np.full_like(references, 0.01))
    np.testing.assert_allclose(found, [[-40]], atol=1e-5)


def test_channels_are_averaged_and_silence_at_silence_is_best():
    references, estimates = np.zeros((2, 2, 100)), np.zeros((2, 2, 100))
    estimates[0, 0] = SQUARE[:100]
    np.testing.assert_allclose(energy_at_silence(references, estimates), [[10 * math.log10(0.5)], [-math.inf]])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        energy_at_silence(np.zeros((1, 1, 10)), np.zeros((1, 2, 10)))
