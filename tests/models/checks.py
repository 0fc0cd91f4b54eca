"""What is asked of several architectures."""

from __future__ import annotations

import numpy as np
import torch

from partita.separation import Separator
from partita.zoo.export import export_package


def losses_of_training(model, loss, *, steps, learning_rate):
    """Train with Adam on one batch; return the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(steps):
        now = loss()
        optimizer.zero_grad()
        now.backward()
        optimizer.step()
        losses.append(now.item())
    return losses


def two_tones(model, *, low, high):
    """Return two sinusoids as the stems of a batch of two, ``(2, 2, channels, samples)``; pitches in Hz."""
    time = torch.arange(model.geometry.input_length(2000)) / model.sample_rate
    tones = [torch.sin(2 * torch.pi * pitch * time).expand(2, model.audio_channels, -1) for pitch in (low, high)]
    return torch.stack(tones, 1)


def assert_backends_agree(model, folder, *, segment):
    """Export a model and separate noise by both backends; return the package."""
    package = export_package(model, folder, name="tiny", description="untrained", licence="CC0-1.0", segment=segment)
    mixture = np.random.default_rng(0).normal(0, 0.1, (2, 90000)).astype(np.float32)
    onnx, other = (Separator(package, backend=name, batch_size=2).separate(mixture) for name in ("onnx", "torch"))
    for source in model.sources:
        assert onnx[source].shape == mixture.shape
        assert np.abs(onnx[source]).max() > 1e-3
        np.testing.assert_allclose(onnx[source], other[source], rtol=0, atol=1e-5)
    return package
