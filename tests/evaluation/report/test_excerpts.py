from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.evaluation.fake_runs import fake_excerpt, fake_run

from .pages import report


def excerpt_of(tmp_path, **options):
    """Return what a page holds of an excerpt: heading, pictures, sounds as ``(channels, samples)`` with their rate."""
    excerpt = fake_excerpt(**options)
    text = report(tmp_path, fake_run("a", {"one": [1, 2]}, excerpts=(excerpt,)))
    files = {
        kind: [base64.b64decode(found) for found in re.findall(f'src="data:{kind};base64,([^"]+)"', text)]
        for kind in ("image/png", "audio/mpeg")
    }
    pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("L"), float) for file in files["image/png"]]
    sounds = [soundfile.read(io.BytesIO(file), always_2d=True) for file in files["audio/mpeg"]]
    return excerpt, text, pictures, [(samples.T, rate) for samples, rate in sounds]


def test_excerpts_are_heard_and_seen(tmp_path):
    excerpt, text, pictures, sounds = excerpt_of(tmp_path)
    assert "SDR \N{MINUS SIGN}3.25 dB" in text
    assert "one, 1:05 to 1:06" in text
    assert len(pictures) == len(sounds) == 3
    for (heard, rate), signal in zip(sounds, (excerpt.mixture, excerpt.estimate, excerpt.reference), strict=True):
        assert rate == 44100
        assert heard.shape[0] == 2
        assert abs(heard.shape[1] - signal.shape[1]) < 0.05 * rate
        assert heard.std() == pytest.approx(signal.std(), rel=0.1)  # as loud as it is, but for the highest frequencies
    mixture, estimate, reference = pictures
    height = mixture.shape[0]
    tone = int(height * (1 - 4 / 16))  # the row of 4 kHz, counted from 16 kHz
    for picture in pictures:
        assert abs(picture.mean(1).argmax() - tone) <= 1
    rows = slice(0, height // 2)  # above 8 kHz is only noise
    assert mixture[rows].mean() > estimate[rows].mean() + 10 > reference[rows].mean() + 20


@pytest.mark.parametrize(
    ("options", "channels", "rate"),
    [
        ({"channels": 1}, 1, 44100),
        ({"channels": 6}, 2, 44100),
        ({"sample_rate": 96000}, 2, 48000),
        ({"sample_rate": 8000}, 2, 8000),
        ({"seconds": 0.01}, 2, 44100),
    ],
)
def test_excerpts_of_any_kind(tmp_path, options, channels, rate):
    excerpt, _, pictures, sounds = excerpt_of(tmp_path, **options)
    for heard, heard_rate in sounds:
        assert (heard.shape[0], heard_rate) == (channels, rate)
        assert heard.shape[1] / rate == pytest.approx(excerpt.mixture.shape[1] / excerpt.sample_rate, abs=0.06)
    assert all(100 < picture.shape[0] < 260 for picture in pictures)


def test_loud_excerpts_are_turned_down_together(tmp_path):
    excerpt, _, _, sounds = excerpt_of(tmp_path, gain=1.0)
    peak = np.abs(excerpt.mixture).max()
    assert peak > 3
    reference = sounds[2][0]
    assert reference.std() == pytest.approx(excerpt.reference.std() / peak, rel=0.05)
