from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from partita.evaluation.report.figures import box_plot, limits, spectrograms, ticks

NAN, INF = np.nan, np.inf


def test_a_silent_spectrogram_is_black():
    silent, loud = spectrograms([np.zeros((1, 5000), np.float32), np.ones((1, 5000), np.float32)], 44100)
    assert np.asarray(Image.open(io.BytesIO(silent))).max() == 0
    assert np.asarray(Image.open(io.BytesIO(loud))).max() > 40


def test_a_box_plot_without_scores():
    plot = box_plot([np.array([NAN, INF]), np.array([1.0, 2.0, 3.0])], "AB", ["#ff0000", "#00ff00"], (0, 4), "key")
    assert plot.startswith("<svg viewBox=")
    assert "currentColor" in plot
    assert "#ff0000" not in plot
    assert "#00ff00" in plot


@pytest.mark.parametrize(
    ("values", "around_zero"), [([], False), ([3], False), ([3, 3], True), ([-1e-9, INF, NAN], True)]
)
def test_axes_have_room(values, around_zero):
    low, high = limits(values, around_zero=around_zero)
    assert all(low < value < high for value in values if np.isfinite(value))
    assert low < 0 < high or not around_zero
    assert 2 <= len(ticks((low, high))) <= 8
