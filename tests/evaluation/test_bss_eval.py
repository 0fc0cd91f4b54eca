from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.evaluation import bss_eval

RNG = np.random.default_rng(0)
REFERENCES = RNG.standard_normal((3, 2, 4000))
ESTIMATES = 0.8 * REFERENCES + 0.1 * REFERENCES.sum(0) + 0.1 * RNG.standard_normal(REFERENCES.shape)
FRAMES = {"window": 1000, "hop": 1000, "taps": 32}
SCORES = ("sdr", "isr", "sir", "sar")
SECOND = slice(1000, 2000)


def stacked(scores):
    return np.stack([getattr(scores, name) for name in SCORES])


def by_definition(references, estimates, window, hop, taps):
    """BSSEval v4 with explicit matrices of delayed references."""
    sources, _, samples = references.shape

    def delayed(stems):
        flat = stems.reshape(-1, stems.shape[-1])
        return np.stack([np.pad(channel, (lag, taps - 1 - lag)) for channel in flat for lag in range(taps)], 1)

    def padded(stem):
        return np.pad(stem, ((0, 0), (0, taps - 1))).T

    def decibels(above, below):
        return 10 * np.log10(np.sum(above**2) / np.sum(below**2))

    starts = range(0, samples - window + 1, hop) if window < samples else [0]
    scores = np.empty((4, sources, len(starts)))
    for source in range(sources):
        everyone, alone = slice(0, sources), slice(source, source + 1)
        filters = [
            np.linalg.lstsq(delayed(references[which]), padded(estimates[source]))[0] for which in (everyone, alone)
        ]
        for frame, start in enumerate(starts):
            part = slice(start, start + window)
            truth, guess = padded(references[source, :, part]), padded(estimates[source, :, part])
            explained = delayed(references[..., part]) @ filters[0]
            filtered = delayed(references[alone, :, part]) @ filters[1]
            scores[:, source, frame] = (
                decibels(truth, guess - truth),
                decibels(truth, filtered - truth),
                decibels(filtered, explained - filtered),
                decibels(explained, guess - explained),
            )
    return scores


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 3), st.integers(1, 3), st.integers(60, 900)),
    window=st.integers(30, 1000),
    hop=st.integers(20, 500),
    taps=st.integers(1, 4),
    seed=st.integers(0, 100),
)
def test_the_definition(shape, window, hop, taps, seed):
    rng = np.random.default_rng(seed)
    references, estimates = rng.standard_normal((2, *shape))
    found = bss_eval(references, references + estimates, window, hop, taps=taps, threads=1)
    expected = by_definition(references, references + estimates, window, hop, taps)
    np.testing.assert_allclose(stacked(found), expected, rtol=0, atol=1e-6)


def test_shapes_and_types():
    scores = bss_eval(REFERENCES.astype(np.float32), ESTIMATES.tolist(), **FRAMES)
    assert all(getattr(scores, name).shape == (3, 4) for name in SCORES)
    assert all(getattr(scores, name).dtype == np.float64 for name in SCORES)
    assert scores.silent == ()


def test_threads_make_no_difference():
    one, three = (stacked(bss_eval(REFERENCES, ESTIMATES, **FRAMES, threads=threads)) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_a_perfect_estimate():
    scores = bss_eval(REFERENCES, REFERENCES, **FRAMES)
    assert np.isposinf(scores.sdr).all()
    assert min(scores.isr.min(), scores.sir.min(), scores.sar.min()) > 200


def test_one_source_has_no_interference():
    scores = bss_eval(REFERENCES[:1], ESTIMATES[:1], **FRAMES)
    assert scores.sir.min() > 200
    assert np.isfinite(scores.sar).all()


def test_a_source_without_sound_in_a_frame_loses_its_own_score_only():
    references = REFERENCES.copy()
    references[1, :, SECOND] = 0
    scores = stacked(bss_eval(references, ESTIMATES, **FRAMES))
    expected = np.zeros((4, 3, 4), bool)
    expected[:, 1, 1] = True
    np.testing.assert_array_equal(np.isnan(scores), expected)

    as_museval = stacked(bss_eval(references, ESTIMATES, **FRAMES, museval_silence=True))
    assert np.isnan(as_museval[..., 1]).all()
    np.testing.assert_array_equal(as_museval[..., [0, 2, 3]], scores[..., [0, 2, 3]])


def test_a_reference_silent_throughout_is_left_out():
    references = REFERENCES.copy()
    references[1] = 0
    scores = bss_eval(references, ESTIMATES, **FRAMES)
    assert scores.silent == (1,)
    assert np.isnan(stacked(scores)[:, 1]).all()
    others = bss_eval(references[[0, 2]], ESTIMATES[[0, 2]], **FRAMES)
    np.testing.assert_allclose(stacked(scores)[:, [0, 2]], stacked(others), rtol=0, atol=1e-9)


@pytest.mark.parametrize("level", [1e-6, 1.6e-5])  # -120 dB, as a lossy format leaves, and -96 dB
def test_noise_up_to_95_db_below_full_scale_counts_as_silence(level):
    noise = level * RNG.standard_normal((2, 4000))
    references, silent = REFERENCES.copy(), REFERENCES.copy()
    references[1, :, SECOND], silent[1, :, SECOND] = noise[:, SECOND], 0
    scores = bss_eval(references, ESTIMATES, **FRAMES)
    assert np.isnan(scores.sdr[1, 1])
    np.testing.assert_allclose(stacked(scores), stacked(bss_eval(silent, ESTIMATES, **FRAMES)), rtol=0, atol=1e-3)
    references[1], silent[1] = noise, 0
    scores = bss_eval(references, ESTIMATES, **FRAMES)
    assert scores.silent == (1,)
    np.testing.assert_array_equal(stacked(scores), stacked(bss_eval(silent, ESTIMATES, **FRAMES)))


def test_a_quiet_reference_above_90_db_below_full_scale_has_scores():
    references = REFERENCES.copy()
    references[1] *= 10 ** (-89 / 20) / np.sqrt(np.square(references[1]).mean())
    assert bss_eval(references, ESTIMATES, **FRAMES).silent == ()


def test_a_silent_stem_with_16_bit_dither_is_silent(dithered_silence):
    references = 0.1 * RNG.standard_normal((2, 2, 44100))
    references[1] = dithered_silence(44100)
    estimates = references + 0.01 * RNG.standard_normal(references.shape)
    scores = bss_eval(references, estimates, taps=32)
    assert scores.silent == (1,)
    assert np.isnan(stacked(scores)[:, 1]).all()
    assert np.isfinite(scores.sdr[0]).all()

    digital = references.copy()
    digital[1] = 0
    with pytest.raises(ValueError, match="source 1 is silent throughout"):
        bss_eval(digital, estimates, taps=32, museval_silence=True)
    assert bss_eval(references, estimates, taps=32, museval_silence=True).sdr[1, 0] < -50  # as museval scores it


def test_nothing_but_silence():
    scores = bss_eval(np.zeros_like(REFERENCES), ESTIMATES, **FRAMES)
    assert scores.silent == (0, 1, 2)
    assert np.isnan(stacked(scores)).all()


def test_an_estimate_that_is_silent_where_it_should_not_be():
    estimates = ESTIMATES.copy()
    estimates[0, :, SECOND] = 0
    scores = bss_eval(REFERENCES, estimates, **FRAMES)
    assert scores.sdr[0, 1] == 0
    assert scores.sar[0, 1] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(stacked(scores)).all()

    scores = bss_eval(REFERENCES, np.zeros_like(ESTIMATES), **FRAMES)
    assert not scores.sdr.any()
    assert not scores.isr.any()
    assert np.isnan(scores.sir).all()
    assert np.isnan(scores.sar).all()


@pytest.mark.parametrize("role", ["references", "estimates"])
def test_museval_refuses_what_is_silent_throughout(role):
    stems = {"references": REFERENCES.copy(), "estimates": ESTIMATES.copy()}
    stems[role][2] = 0
    with pytest.raises(ValueError, match=f"{role}: source 2 is silent"):
        bss_eval(**stems, **FRAMES, museval_silence=True)


class Rendered:
    """Stems that are made when they are read: noise that repeats."""

    def __init__(self, samples, seed):
        self.shape = (2, 1, samples)
        self.longest = 0
        self._second = np.random.default_rng(seed).standard_normal((2, 1, 44100))

    def __getitem__(self, key):
        times = np.arange(*key[2].indices(self.shape[-1])) % 44100
        self.longest = max(self.longest, times.size)
        return self._second[key[0], key[1]][..., times]


def test_stems_need_not_be_in_memory():
    references, estimates = Rendered(100_000, 0), Rendered(100_000, 1)
    found = bss_eval(references, estimates, taps=32)
    whole = (slice(None), slice(None), slice(None))
    np.testing.assert_array_equal(stacked(found), stacked(bss_eval(references[whole], estimates[whole], taps=32)))


def test_memory_does_not_grow_with_the_track():
    peaks = []
    for seconds in (5, 50):
        stems = [Rendered(seconds * 44100, seed) for seed in (0, 1)]
        tracemalloc.start()
        bss_eval(*stems, taps=32, threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert max(signals.longest for signals in stems) < 44100
    assert peaks[1] < 1.1 * peaks[0] + 2**20


def test_references_that_depend_on_each_other_have_scores():
    references = REFERENCES.copy()
    references[2] = references[0] - references[1]
    references[0, 1] = references[0, 0]
    assert np.isfinite(stacked(bss_eval(references, ESTIMATES, **FRAMES))).all()


@pytest.mark.parametrize("role", ["references", "estimates"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_must_be_finite(role, bad):
    stems = {"references": REFERENCES.copy(), "estimates": ESTIMATES.copy()}
    stems[role][1, 0, 3999] = bad
    with pytest.raises(ValueError, match=f"{role}: source 1 is not finite at sample 3999"):
        bss_eval(**stems, **FRAMES)


@pytest.mark.parametrize(
    ("references", "estimates", "options", "message"),
    [
        (REFERENCES, ESTIMATES[..., 1:], {}, "differ in shape"),
        (REFERENCES[0], ESTIMATES[0], {}, r"must be \(sources, channels, samples\)"),
        (REFERENCES[..., :0], ESTIMATES[..., :0], {}, "at least one of each"),
        (REFERENCES, ESTIMATES, {"window": 0}, "at least 1"),
        (REFERENCES, ESTIMATES, {"hop": 0}, "at least 1"),
        (REFERENCES, ESTIMATES, {"taps": 0}, "at least 1"),
    ],
)
def test_invalid_input(references, estimates, options, message):
    with pytest.raises(ValueError, match=message):
        bss_eval(references, estimates, **options)
