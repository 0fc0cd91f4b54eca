from __future__ import annotations

import math

import torch

from partita.models.resampling import SincResampler

RATE = 44100


def tone(pitch, rate, samples):
    return torch.sin(2 * math.pi * pitch * torch.arange(samples, dtype=torch.float64) / rate).float().expand(1, 2, -1)


def test_a_tone_keeps_its_pitch_and_level():
    resampler = SincResampler()
    inner = slice(100, -100)
    up = resampler.upsample(tone(1000, RATE, 4000))
    torch.testing.assert_close(up[..., inner], tone(1000, 2 * RATE, 8000)[..., inner], rtol=0, atol=1e-3)
    down = resampler.downsample(tone(1000, 2 * RATE, 8000))
    torch.testing.assert_close(down[..., inner], tone(1000, RATE, 4000)[..., inner], rtol=0, atol=1e-3)


def test_what_the_lower_rate_cannot_hold_is_removed():
    aliased = SincResampler().downsample(tone(30_000, 2 * RATE, 8000))
    assert aliased[..., 100:-100].abs().max() < 1e-2


def test_a_sample_depends_on_its_neighbours_within_reach():
    resampler = SincResampler()
    impulse = torch.zeros(1, 1, 200)
    impulse[..., 100] = 1
    touched = resampler.upsample(impulse).reshape(-1, 2).abs().amax(1).nonzero().flatten() - 100
    assert touched.abs().max() <= SincResampler.reach
