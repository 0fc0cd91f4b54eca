from __future__ import annotations

import numpy as np
import pytest

from partita_songbook.machines import machine
from tones import RATE, dominant


def centre(audio):
    power = np.square(np.abs(np.fft.rfft(audio[0])))
    return (power * np.fft.rfftfreq(audio.shape[-1], 1 / RATE)).sum() / power.sum()


def test_a_machine_has_low_kicks_noisy_snares_and_high_hats():
    for seed in range(5):
        kit = machine(np.random.default_rng(seed))
        kick, snare, hat = (centre(kit.shots[key][0][1]) for key in (36, 38, 42))
        assert kick < 400 < snare + 250 < hat
        assert {36, 38, 39, 42, 46, 45, 47, 50, 49} <= kit.shots.keys()
        assert all(np.abs(audio).max() <= 1.001 for layers in kit.shots.values() for _, audio in layers)


def test_a_kick_can_be_tuned():
    for seed in range(4):
        kick = machine(np.random.default_rng(seed), kick="deep", hertz=55.0).shots[36][0][1]
        body = dominant(kick[0, RATE // 10 :])
        assert np.log2(body / 55) == pytest.approx(round(np.log2(body / 55)), abs=0.07)


def test_a_swept_kick_goes_on_falling():
    for seed in range(8):
        kick = machine(np.random.default_rng(seed), kick="swept").shots[36][0][1][0]
        early, late = (dominant(kick[int(start * RATE) : int((start + 0.1) * RATE)]) for start in (0.02, 0.3))
        assert early > 1.25 * late


def test_machines_repeat_with_their_seed_only():
    first, same, other = (machine(np.random.default_rng(seed)).shots[36][0][1] for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first[:, :1000], other[:, :1000])
