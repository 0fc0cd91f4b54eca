"""What takes the steps of a run."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from partita.training.config import OptimSection

__all__ = ["build_optimizer"]

_MATRIX_RATE = 20.0  # Muon's learning rate in Adam's: 0.02, as Jordan's, beside Adam's usual 1e-3
_FEWEST = 16  # channels on each side of a hidden layer; fewer are those of audio, or of a filter a channel


def build_optimizer(model: nn.Module, optim: OptimSection) -> torch.optim.Optimizer:
    """Return the optimiser of a configuration.

    ``muon`` makes the step of every hidden layer's weights orthogonal, its singular values 20 times the learning rate,
    or more by the root of outputs over inputs where there are more of those (Jordan 2024,
    https://kellerjordan.github.io/posts/muon). Biases, and the weights from or to fewer than 16 channels, are left to
    Adam. Every singular value of a matrix grows, so without normalisation between the layers a long run needs
    ``weight_decay``.

    Args:
        model: Whose parameters.
        optim: The configuration.
    """
    if optim.optimizer == "muon":
        from pytorch_optimizer import Muon  # here, because it takes half a second that other runs need not wait

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
    on_processor = next(model.parameters()).device.type == "cpu"
    # Fused is three times as fast on a processor; a GPU's does not go with scaled gradients.
    return kind(model.parameters(), lr=optim.learning_rate, weight_decay=optim.weight_decay, fused=on_processor)


def _is_hidden(parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and min(parameter.shape[:2]) >= _FEWEST
