from __future__ import annotations

import pytest
import torch

from partita.training.losses import log_error, log_mse


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_a_known_answer():
    """Two excerpts of two sources with mean squares 0.99 and 0: a floor of 0.01, errors of 0.01, 0.03, 0.07, 0.09."""
    references = torch.zeros(2, 2, 1, 100)
    references[:, 0] = 0.99**0.5
    error = torch.tensor([[0.01, 0.03], [0.07, 0.09]])
    estimates = references + error.sqrt()[..., None, None]
    expected = 10 * torch.log10(torch.tensor([2.0, 4.0, 8.0, 10.0])).mean()
    torch.testing.assert_close(log_mse(estimates, references), expected)


def test_a_decibel_of_a_quiet_source_counts_as_one_of_a_loud_one():
    references = noise(3, 2, 2, 1000) * torch.tensor([1.0, 0.3])[:, None, None]
    silence = torch.zeros_like(references)
    before = log_mse(silence, references)
    gains = []
    for source in range(2):
        better = silence.clone()
        better[:, source] = (1 - 10 ** (-1 / 20)) * references[:, source]  # its error falls by 1 dB
        gains.append(float(before - log_mse(better, references)))
    assert gains[0] == pytest.approx(0.5, rel=0.02)
    assert gains[1] == pytest.approx(0.5, rel=0.15)  # nearer to the floor


def test_perfect_estimates_and_silence_have_no_loss_and_a_gradient():
    stems = noise(2, 4, 2, 100)
    stems[1] = 0
    estimates = stems.clone().requires_grad_()
    loss = log_mse(estimates, stems)
    assert loss == 0
    loss.backward()
    assert torch.equal(estimates.grad, torch.zeros_like(stems))


def test_what_is_far_below_the_floor_does_not_count():
    energy = torch.tensor([1.0, 0.0])
    assert (log_error(1e-5 * torch.ones(2), energy) < 0.01).all()
