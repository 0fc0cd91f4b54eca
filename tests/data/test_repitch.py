from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from partita.data.repitch import Change, Repitch

RATE = 44100
SOURCES = ("drums", "bass", "other", "vocals")
ALIGNMENT = 0.006  # seconds within which the stems' attacks stay aligned


def frequency_of(samples):
    """Return the frequency of a tone in Hz, to a hundredth of a semitone."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size), 2**20))
    return spectrum.argmax() * RATE / 2**20


def change(stem, change_, samples, sources=SOURCES):
    """Apply a change to one copy of the mono stem ``(samples,)`` for each source."""
    stems = np.tile(stem.astype(np.float32), (len(sources), 2, 1))
    return change_.apply(stems, samples, sources, RATE)


@pytest.mark.parametrize(("semitones", "tempo"), [(0, 1.1), (2, 1.0), (2, 0.88), (-2, 1.12), (-1, 0.95)])
def test_a_tone_rises_by_the_semitones_in_every_stem(semitones, tempo):
    change_, samples = Change(semitones, tempo), 3 * RATE
    time = np.arange(change_.input_length(samples)) / RATE
    out = change(0.3 * np.sin(2 * np.pi * 330 * time), change_, samples)
    assert out.shape == (4, 2, samples)
    for stem in out:
        middle = stem[0, RATE // 2 : -RATE // 2]
        assert 12 * np.log2(frequency_of(middle) / 330) == pytest.approx(semitones, abs=0.03)
        assert middle.std() == pytest.approx(0.3 / 2**0.5, rel=0.2)
        np.testing.assert_array_equal(stem[0], stem[1])


@pytest.mark.parametrize(("semitones", "tempo"), [(0, 1.12), (0, 0.88), (2, 0.9), (-2, 1.1), (2, 1.05), (-2, 0.95)])
def test_clicks_keep_their_place_in_the_bar_and_stems_stay_aligned(semitones, tempo):
    change_, samples = Change(semitones, tempo), 5 * RATE
    beats = np.arange(1, 10) * RATE // 2  # in the result
    rng = np.random.default_rng(0)
    source = np.zeros((4, 2, change_.input_length(samples)), np.float32)
    source += (np.array([0, 0, 0.003, 0])[:, None, None] * rng.standard_normal(source.shape)).astype(np.float32)
    source[1] += 0.01 * np.sin(2 * np.pi * 110 / RATE * np.arange(source.shape[2]))  # all stems differ
    for beat in beats:
        source[..., round(beat * tempo) : round(beat * tempo) + 8] = 1
    out = change_.apply(source, samples, SOURCES, RATE)
    reach = 2000
    for beat in beats:
        energy = np.square(out[:, 0, beat - reach : beat + reach], dtype=np.float64)
        places = (energy * np.arange(-reach, reach)).sum(1) / energy.sum(1)
        assert np.abs(places).max() < ALIGNMENT * RATE
        assert np.ptp(places) < ALIGNMENT * RATE


def test_vocals_keep_their_formants_and_instruments_do_not():
    change_, samples = Change(2, 1.0), 3 * RATE
    length = change_.input_length(samples)
    glottis = np.zeros(length)
    glottis[:: RATE // 120] = 1  # 120 Hz through one resonance at 2000 Hz, 200 Hz wide
    radius = np.exp(-np.pi * 200 / RATE)
    voice = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * 2000 / RATE), radius**2], glottis)
    out = change(0.1 * voice, change_, samples, ("other", "vocals"))

    def formant(samples):
        power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
        return (power * np.fft.rfftfreq(samples.size, 1 / RATE)).sum() / power.sum()

    middle = slice(RATE // 2, -RATE // 2)
    before, instrument, singer = (
        formant(voice[RATE // 2 : samples]),
        formant(out[0, 0, middle]),
        formant(out[1, 0, middle]),
    )
    assert instrument / before == pytest.approx(2 ** (2 / 12), rel=0.03)
    assert singer / before == pytest.approx(1, abs=0.07)  # approximately


def test_silence_stays_silence():
    change_ = Change(1, 1.05)
    out = change(np.zeros(change_.input_length(5000)), change_, 5000)
    assert out.shape == (4, 2, 5000)
    assert not out.any()


@settings(deadline=None, max_examples=15)
@given(st.integers(-2, 2), st.floats(0.88, 1.12), st.integers(1, 30000), st.sampled_from(SOURCES))
def test_the_result_has_the_requested_length_and_sounds_to_its_end(semitones, tempo, samples, source):
    change_ = Change(semitones, tempo)
    noise = np.random.default_rng(0).standard_normal((1, 1, change_.input_length(samples))).astype(np.float32)
    out = change_.apply(noise, samples, (source,), RATE)
    assert out.shape == (1, 1, samples)
    assert np.isfinite(out).all()
    assert out[..., -500:].std() > 0.2 or samples < 500


def test_changes_follow_the_papers_distribution():
    rng = np.random.default_rng(0)
    draws = [Repitch().draw(rng) for _ in range(20000)]
    changes = [draw for draw in draws if draw]
    assert len(changes) / len(draws) == pytest.approx(0.2, abs=0.01)
    pitches, counts = np.unique([change_.semitones for change_ in changes], return_counts=True)
    assert pitches.tolist() == [-2, -1, 0, 1, 2]
    assert counts.min() > 0.9 * len(changes) / 5
    tempi = np.array([change_.tempo for change_ in changes])
    assert tempi.mean() == pytest.approx(1, abs=0.005)
    assert tempi.std() == pytest.approx(0.05, rel=0.05)  # clipping narrows it only slightly
    assert (tempi.min(), tempi.max()) == (0.88, 1.12)
    assert Repitch(probability=0).draw(rng) is None
