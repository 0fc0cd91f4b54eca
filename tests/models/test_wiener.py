"""Our Wiener filter against the published one's vectors (``make_open_unmix_vectors.py``) and numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partita.models.stft import Spectrum
from partita.models.wiener import wiener_filter

from .make_open_unmix_vectors import WIENER_CASES, wiener_input

VECTORS = np.load(Path(__file__).with_name("open_unmix_vectors.npz"))


def spectrum(values):
    values = torch.from_numpy(np.ascontiguousarray(values))
    return Spectrum(values.real, values.imag)


def refine(magnitudes, mixture, iterations, frames):
    """Filter in the layout of the published one: ``(frames, bins, channels, sources)``."""
    estimates = magnitudes * np.exp(1j * np.angle(mixture))[..., None]
    refined = wiener_filter(
        spectrum(estimates.astype(np.complex64).transpose(3, 2, 0, 1)[None]),
        spectrum(mixture.astype(np.complex64).transpose(2, 0, 1)[None]),
        iterations,
        frames,
    )
    return (refined.real + 1j * refined.imag)[0].numpy().transpose(2, 3, 1, 0)


def reference(magnitudes, mixture, noise=1e-10):
    """One iteration on one block in double precision, any number of channels."""
    mixture = mixture.astype(complex)
    scale = max(1, np.abs(mixture).max() / 10)
    x = mixture / scale
    y = magnitudes * np.exp(1j * np.angle(mixture))[..., None] / scale
    v = (np.abs(y) ** 2).mean(2)
    r = np.einsum("tfcj,tfdj->fjcd", y, y.conj()) / (v.sum(0) + noise)[..., None, None]
    cxx = np.einsum("tfj,fjcd->tfcd", v, r) + np.sqrt(noise) * np.eye(x.shape[-1])
    return np.einsum("tfj,fjcd,tfd->tfcj", v, r, np.linalg.solve(cxx, x[..., None])[..., 0]) * scale


@pytest.mark.parametrize("index", range(len(WIENER_CASES)), ids=map(str, WIENER_CASES))
def test_it_is_the_published_filter(index):
    channels, sources, iterations, frames = WIENER_CASES[index]
    found = refine(*wiener_input(channels, sources), iterations, frames)
    expected = VECTORS[f"wiener_{index}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_it_solves_the_equations_for_any_number_of_channels(channels):
    magnitudes, mixture = wiener_input(channels, 3)
    expected = reference(magnitudes, mixture)
    found = refine(magnitudes, mixture, 1, 100)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_a_mixture_without_width_is_filtered_as_exactly(iterations, ratio):
    magnitudes, mixture = wiener_input(1, 4)
    alone = refine(magnitudes, mixture, iterations, 100)
    both = refine(np.concatenate([magnitudes, ratio * magnitudes], 2), mixture * [1, ratio], iterations, 100)
    np.testing.assert_allclose(both[:, :, :1], alone, rtol=0, atol=1e-4 * np.abs(alone).max())
    np.testing.assert_allclose(both[:, :, 1:], ratio * alone, rtol=0, atol=1e-4 * np.abs(alone).max())


def test_the_estimates_add_up_to_the_mixture():
    magnitudes, mixture = wiener_input(2, 4)
    np.testing.assert_allclose(refine(magnitudes, mixture, 1, 100).sum(-1), mixture, atol=1e-4 * np.abs(mixture).max())


def test_blocks_are_filtered_by_themselves_and_about_as_long():
    magnitudes, mixture = wiener_input(2, 3)  # 26 frames: 9, 9 and 8, not 10, 10 and 6
    found = refine(magnitudes, mixture, 1, 10)
    for part in (slice(0, 9), slice(9, 18), slice(18, 26)):
        alone = refine(magnitudes[part], mixture[part], 1, 100)
        np.testing.assert_allclose(found[part], alone, rtol=0, atol=1e-5 * np.abs(alone).max())


def test_items_of_a_batch_do_not_hear_each_other():
    magnitudes, mixture = wiener_input(2, 3)
    estimates = (magnitudes * mixture[..., None]).astype(np.complex64).transpose(3, 2, 0, 1)
    mixture = mixture.transpose(2, 0, 1)
    batch = wiener_filter(spectrum(np.stack([estimates, 9 * estimates])), spectrum(np.stack([mixture, mixture])), 1, 10)
    alone = wiener_filter(spectrum(estimates[None]), spectrum(mixture[None]), 1, 10)
    torch.testing.assert_close(batch.real[:1], alone.real)


def test_silence_stays_silent():
    silence = Spectrum(torch.zeros(1, 2, 2, 4, 3), torch.zeros(1, 2, 2, 4, 3))
    refined = wiener_filter(silence, silence.select(1, 0), 2, 10)
    assert not refined.real.any()
    assert not refined.imag.any()
