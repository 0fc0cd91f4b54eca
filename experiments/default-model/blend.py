"""Write a package of the weighted average of packages' and checkpoints' weights, with or without a mask.

python experiments/default-model/blend.py OUTPUT default=0.5 runs/mine/checkpoints/last.ckpt=0.5 [--mask]

A checkpoint gives its averaged weights. All must be of one configuration, but for the mask, which has no weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from partita.models import build
from partita.zoo import find_package
from partita.zoo.export import export_package


def read_weights(name: str) -> dict[str, Tensor]:
    """Return the weights of a package or a checkpoint."""
    if name.endswith(".ckpt"):
        saved = torch.load(name, map_location="cpu", weights_only=False, mmap=True)
        return {key.removeprefix("model."): value for key, value in saved["state_dict"].items()}
    return find_package(name).load_torch().state_dict()


def main() -> None:
    """Average and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("parts", nargs="+", help="PACKAGE=WEIGHT or CHECKPOINT.ckpt=WEIGHT")
    parser.add_argument("--mask", action="store_true", help="end in a ratio mask of the mixture")
    options = parser.parse_args()
    parts = [part.rpartition("=")[::2] for part in options.parts]
    total = sum(float(weight) for _, weight in parts)
    weights: dict[str, Tensor] = {}
    for name, weight in parts:
        for key, value in read_weights(name).items():
            weights[key] = weights.get(key, torch.zeros(())) + value.float() * (float(weight) / total)
    card = find_package("default").card
    model = build(card.architecture, **{**card.configuration, "mask": options.mask})
    model.load_state_dict(weights)
    description = f"Averaged weights: {', '.join(f'{weight} {Path(name).name}' for name, weight in parts)}"
    export_package(
        model,
        options.output,
        name=options.output.name,
        description=description,
        licence=card.licence,
        segment=card.segment,
    )


if __name__ == "__main__":
    main()
