"""Initial weights of convolutions."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["rescale_weights"]


@torch.no_grad()
def rescale_weights(model: nn.Module, reference: float) -> None:
    """Bring the deviation of the initial weights of all convolutions closer to a reference.

    Weight and bias of each are divided by ``sqrt(std(weight) / reference)`` (Defossez et al. 2019, section 4.3).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d):
            scale = (module.weight.std() / reference).sqrt()
            module.weight /= scale
            if module.bias is not None:
                module.bias /= scale
