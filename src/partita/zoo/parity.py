"""Whether what was made of a model computes what the model does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from partita.errors import ModelError
from partita.models.base import WaveformModel

__all__ = ["check_parity"]

_TOLERANCE = 1e-4  # of the largest magnitude of the output; both compute in float32 with the same weights


@torch.no_grad()
def check_parity(model: WaveformModel, run: Callable[[Tensor], Tensor], what: str) -> None:
    """Compare outputs for two tracks of noise, a batch size and a length that no tracer has seen.

    Args:
        model: The model.
        run: Does the same as ``model.core``, or should.
        what: What it is called in the message, such as ``tiny: the ONNX graph``.

    Raises:
        ModelError: The outputs differ by more than 1e-4 of the peak, or in their shape, or are not numbers.
    """
    samples = model.geometry.input_length(2 * model.sample_rate)
    mixture = torch.randn(2, model.audio_channels, samples, generator=torch.Generator().manual_seed(0))
    expected, found = model.core(mixture).numpy(), run(mixture).numpy()
    if found.shape != expected.shape:
        raise ModelError(f"{what} returns the shape {found.shape} instead of {expected.shape}")
    error = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    if not error <= _TOLERANCE:
        raise ModelError(f"{what} differs from the model by {error:.1e} of the peak")
