"""The optimisers a run can use."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from partita.training.config import OptimSection

__all__ = ["build_optimizer"]

_MATRIX_RATE = 20.0  # Muon's learning rate relative to Adam's: 0.02 (Jordan) for Adam's usual 1e-3
_FEWEST = 16  # channels on each side of a hidden layer; fewer belong to audio, or to depthwise filters


def build_optimizer(model: nn.Module, optim: OptimSection) -> torch.optim.Optimizer:
    """Return the optimiser of a configuration.

    ``muon`` orthogonalises the step of every hidden layer's weights (Jordan 2024,
    https://kellerjordan.github.io/posts/muon). Its singular values are 20 times the learning rate, times the square
    root of outputs / inputs for layers with more outputs than inputs. Biases, and weights from or to fewer than 16
    channels, are optimised by Adam. All singular values of a matrix grow, so a long run of a model without
    normalisation between its layers needs ``weight_decay``.

    Args:
        model: The model to optimise.
        optim: Section ``[optim]`` of the configuration.
    """
    if optim.optimizer == "muon":
        from pytorch_optimizer import Muon  # imported here, because it takes half a second

        hidden = [parameter for parameter in model.parameters() if _is_hidden(parameter)]
        others = [parameter for parameter in model.parameters() if not _is_hidden(parameter)]
        groups: list[dict[str, Any]] = [
            {"params": hidden, "lr": _MATRIX_RATE * optim.learning_rate, "use_muon": True},
            {"params": others, "lr": optim.learning_rate, "use_muon": False},
        ]
        for group in groups:
            group["weight_decay"] = optim.weight_decay
        return Muon(groups, adamw_betas=(0.9, 0.999), adamw_eps=1e-8)
    kind = torch.optim.Adam if optim.optimizer == "adam" else torch.optim.AdamW
    on_cpu = next(model.parameters()).device.type == "cpu"
    # Fused is three times as fast on a CPU; on a GPU it does not support scaled gradients.
    return kind(model.parameters(), lr=optim.learning_rate, weight_decay=optim.weight_decay, fused=on_cpu)


def _is_hidden(parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and min(parameter.shape[:2]) >= _FEWEST
