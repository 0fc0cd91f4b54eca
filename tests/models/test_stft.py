from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.models.stft import Spectrum, Stft

LENGTHS = [(4096, 1024), (2048, 256), (512, 128), (256, 64), (48, 16), (60, 12), (12, 4), (4, 1)]


def published(samples, n_fft, hop):
    window = torch.hann_window(n_fft)
    flat = torch.stft(samples.flatten(0, -2), n_fft, hop, window=window, center=False, return_complex=True)
    return flat.transpose(1, 2).unflatten(0, samples.shape[:-1])


@pytest.mark.parametrize(("n_fft", "hop"), LENGTHS)
def test_it_is_the_transform_of_torch(n_fft, hop):
    stft = Stft(n_fft, hop)
    samples = torch.randn(2, 3, (7 + stft.lost) * hop)
    spectrum, expected = stft(samples), published(samples, n_fft, hop)
    assert spectrum.real.shape == (2, 3, 7, stft.bins)
    peak = expected.abs().max()
    assert (torch.complex(spectrum.real, spectrum.imag) - expected).abs().max() < 2e-6 * peak


def test_it_is_the_transform_of_scipy():
    stft = Stft(4096, 1024)
    samples = np.random.default_rng(0).normal(size=(1, 20 * 1024))
    window = scipy.signal.get_window("hann", 4096)
    reference = scipy.signal.ShortTimeFFT(window, 1024, 44100, phase_shift=None)
    expected = reference.stft(samples[0], p0=2, p1=19).T  # its frame p is centred at sample 1024 p
    found = stft(torch.from_numpy(samples).float())
    np.testing.assert_allclose(found.real[0] + 1j * found.imag[0], expected, rtol=0, atol=2e-6 * abs(expected).max())


def test_a_tone_stands_in_its_bin():
    stft = Stft(256, 64)
    spectrum = stft(torch.cos(torch.arange(256) * (2 * np.pi * 20 / 256))[None])
    magnitude = spectrum.magnitude()[0, 0]
    assert magnitude[20].item() == pytest.approx(256 / 4, rel=1e-5)  # half the amplitude, half the window's sum
    assert magnitude[19].item() == pytest.approx(256 / 8, rel=1e-5)
    assert magnitude[23:].max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.sampled_from(LENGTHS[1:]), frames=st.integers(1, 9), channels=st.integers(1, 2), seed=st.integers(0, 99)
)
def test_the_inverse_gives_the_samples_back(lengths, frames, channels, seed):
    stft = Stft(*lengths)
    generator = torch.Generator().manual_seed(seed)
    samples = torch.randn(1, 2, channels, (frames + 2 * stft.lost) * stft.hop, generator=generator)
    again = stft.inverse(stft(samples))
    margin = stft.lost * stft.hop
    torch.testing.assert_close(again, samples[..., margin:-margin], rtol=0, atol=1e-5)


def test_the_inverse_of_any_spectrum_is_that_of_torch():
    stft = Stft(512, 128)
    real, imag = torch.randn(2, 1, 2, 11, stft.bins)
    spectrum = torch.complex(real, imag)[0].transpose(1, 2)
    # the imaginary parts of the first and the last frequency count for neither
    expected = torch.istft(spectrum, 512, 128, window=torch.hann_window(512))
    found = stft.inverse(Spectrum(real, imag))[0]
    inside = expected[:, 128:-128]  # torch begins half a frame into the first, we a hop less than a frame
    torch.testing.assert_close(found, inside, rtol=0, atol=1e-5)


def test_gradients_are_right():
    stft = Stft(16, 4)
    stft.cosine = stft.cosine.double()

    def chain(samples):
        return stft.inverse(stft(samples) * weight)

    samples = torch.randn(1, 1, 36, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, stft.bins, dtype=torch.float64)
    assert torch.autograd.gradcheck(chain, samples)


def test_mixed_precision_leaves_it_exact():
    stft = Stft(512, 128)
    samples = torch.randn(1, 2, 20 * 128)
    expected = stft.inverse(stft(samples))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(stft.inverse(stft(samples)), expected)


def test_complex_numbers_follow_their_rules():
    a, b = torch.randn(2, 5, dtype=torch.complex64)
    ours = [Spectrum(x.real, x.imag) for x in (a, b)]
    for found, expected in [
        (ours[0] + ours[1], a + b),
        (ours[0] - ours[1], a - b),
        (ours[0] * ours[1], a * b),
        (ours[0] * b.real, a * b.real),
        (ours[0].conj(), a.conj()),
    ]:
        torch.testing.assert_close(torch.complex(found.real, found.imag), expected.resolve_conj())
    torch.testing.assert_close(ours[0].magnitude(), a.abs())


@pytest.mark.parametrize(("n_fft", "hop"), [(4098, 1024), (0, 1), (4096, 1000), (4096, 2048), (4096, 0)])
def test_lengths_that_do_not_fit_are_named(n_fft, hop):
    with pytest.raises(ConfigError, match=r"n_fft|hop"):
        Stft(n_fft, hop)
