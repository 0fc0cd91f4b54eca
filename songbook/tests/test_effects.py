from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita_songbook import effects

RATE = effects.RATE


def tone(hertz, seconds=1.0, level=0.5):
    time = np.arange(int(seconds * RATE)) / RATE
    return np.tile(level * np.sin(2 * np.pi * hertz * time), (2, 1)).astype(np.float32)


def gain_db(before, after):
    half = before.shape[-1] // 2  # the filter has settled
    return 20 * np.log10(after[:, half:].std() / before[:, half:].std())


@pytest.mark.parametrize(
    ("kind", "hertz", "expected"),
    [
        ("low_pass", 1000, -3.01),
        ("low_pass", 100, 0.0),
        ("high_pass", 1000, -3.01),
        ("high_pass", 100, -40.0),
        ("band_pass", 1000, 0.0),
        ("peak", 1000, 6.0),
        ("low_shelf", 50, 6.0),
        ("low_shelf", 10_000, 0.0),
        ("high_shelf", 15_000, 6.0),
        ("high_shelf", 50, 0.0),
    ],
)
def test_filters_have_the_gain_they_are_named_for(kind, hertz, expected):
    audio = tone(hertz)
    filtered = effects.equalise(audio, effects.biquad(kind, 1000, gain_db=6.0))
    assert gain_db(audio, filtered) == pytest.approx(expected, abs=0.3)
    assert filtered.dtype == np.float32


def test_no_sections_change_nothing():
    audio = tone(440)
    assert np.array_equal(effects.equalise(audio), audio)


@pytest.mark.parametrize(("poles", "expected"), [(2, -3.01), (4, -6.02)])
def test_a_sweep_that_stands_still_is_a_filter(poles, expected):
    audio = tone(1000)
    swept = effects.sweep(audio, "low_pass", np.full(300, 1000.0), poles=poles)
    assert gain_db(audio, swept) == pytest.approx(expected, abs=0.1)
    if poles == 2:
        assert swept == pytest.approx(effects.equalise(audio, effects.biquad("low_pass", 1000)), abs=1e-5)


def test_a_sweep_opens():
    swept = effects.sweep(tone(4000), "low_pass", np.geomspace(100, 16_000, 500))
    quarter = RATE // 4
    assert swept[:, :quarter].std() < 0.01 * swept[:, -quarter:].std()


def test_level_is_that_of_what_sounds():
    audio = tone(440)
    expected = 20 * np.log10(0.5 / np.sqrt(2))
    assert effects.rms_db(audio) == pytest.approx(expected, abs=0.05)
    assert effects.rms_db(np.pad(audio, ((0, 0), (0, 5 * RATE)))) == pytest.approx(expected, abs=0.05)


@given(st.floats(-60, 0))
@settings(max_examples=30, deadline=None)
def test_normalise_reaches_any_level(level):
    assert effects.rms_db(effects.normalise(tone(440, 0.3), level)) == pytest.approx(level, abs=0.01)


def test_silence_stays_silent():
    silence = np.zeros((2, RATE), np.float32)
    assert not effects.normalise(silence, -20).any()
    assert not effects.saturate(silence, 12).any()


def test_saturation_keeps_the_peak_and_adds_odd_harmonics():
    audio = tone(1000)
    driven = effects.saturate(audio, 12)
    assert np.abs(driven).max() == pytest.approx(np.abs(audio).max(), rel=1e-3)
    spectrum = np.abs(np.fft.rfft(driven[0]))
    assert spectrum[3000] > 0.05 * spectrum[1000]
    assert spectrum[2000] < 1e-3 * spectrum[1000]


def test_the_compressor_reduces_what_exceeds_the_threshold_by_the_ratio():
    loud = tone(1000, level=10 ** (-6 / 20))  # peaks 14 dB over the threshold
    out = effects.compress(loud, -20, 4, attack=0.002, release=0.2)
    assert gain_db(loud, out) == pytest.approx(-14 * (1 - 1 / 4), abs=0.3)
    quiet = tone(1000, level=10 ** (-26 / 20))
    assert effects.compress(quiet, -20, 4) == pytest.approx(quiet, abs=1e-6)


def test_the_side_chain_drops_at_each_kick_and_swells_back():
    gain = effects.sidechain(2 * RATE, np.array([0.0, 0.5, 1.0]), 0.8, 0.3)
    assert gain.shape == (1, 2 * RATE)
    after = gain[0, int(0.504 * RATE)]  # the drop takes 3 ms
    assert after == pytest.approx(0.2, abs=0.01)
    assert gain[0, int(0.65 * RATE)] == pytest.approx(0.2 + 0.8 * np.sin(np.pi / 4) ** 1.5, abs=0.01)
    assert gain[0, int(0.85 * RATE)] == pytest.approx(1.0)
    assert gain[0, -1] == 1.0
    assert np.abs(np.diff(gain[0])).max() < 0.02  # no click


def test_no_kicks_no_pump():
    assert (effects.sidechain(1000, np.array([]), 0.9, 0.3) == 1).all()


def test_echoes_come_at_their_time_and_fade():
    click = np.zeros((2, RATE), np.float32)
    click[:, 0] = 1
    out = effects.delay(click, 0.25, 0.5, 0.8)
    energy = np.square(out).reshape(2, 20, -1).sum((0, 2))  # in 50 ms
    heard = np.flatnonzero(energy > 1e-6)
    assert heard.tolist() == [0, 5, 10, 15]
    assert energy[0] > energy[5] > energy[10] > energy[15]


def test_ping_pong_alternates_sides():
    click = np.zeros((2, RATE), np.float32)
    click[:, 0] = 1
    out = np.square(effects.delay(click, 0.25, 0.7, 0.8, ping_pong=True)).reshape(2, 20, -1).sum(2)
    assert out[0, 5] > out[1, 5]
    assert out[1, 10] > out[0, 10]


def test_reverb_decays_and_repeats_with_its_seed():
    click = np.zeros((2, 2 * RATE), np.float32)
    click[:, 0] = 1
    wet = effects.reverb(click, 1.0, 0.5, np.random.default_rng(1))
    again = effects.reverb(click, 1.0, 0.5, np.random.default_rng(1))
    assert np.array_equal(wet, again)
    tail = wet - click
    assert np.sqrt(np.square(tail).sum(-1)) == pytest.approx([0.5, 0.5], rel=0.05)
    early, late = tail[:, RATE // 10 : RATE // 5], tail[:, 8 * RATE // 10 : 9 * RATE // 10]
    fall = 20 * np.log10(early.std() / late.std())
    assert fall == pytest.approx(60 * 0.7, abs=3)
    assert not tail[:, RATE + 1000 :].any() or np.abs(tail[:, RATE + 1000 :]).max() < 1e-6


@pytest.mark.parametrize(("position", "left", "right"), [(-1, 2**0.5, 0), (0, 1, 1), (1, 0, 2**0.5)])
def test_panning_keeps_the_power(position, left, right):
    out = effects.pan(np.ones((1, 10), np.float32), position)
    assert out[:, 0] == pytest.approx([left, right], abs=1e-6)


def test_width_scales_the_side():
    audio = np.stack([np.full(10, 1.0), np.full(10, 0.0)]).astype(np.float32)
    assert effects.widen(audio, 0) == pytest.approx(np.full((2, 10), 0.5))
    assert effects.widen(audio, 1) == pytest.approx(audio)


def test_auto_pan_is_opposite_in_the_channels():
    gain = effects.tremolo(np.ones((2, RATE), np.float32), 2, 0.6, np.pi)
    assert gain.sum(0) == pytest.approx(np.full(RATE, 2 - 0.6), abs=1e-4)
    assert gain.min() == pytest.approx(0.4, abs=1e-3)
