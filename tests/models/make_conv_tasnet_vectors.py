"""Make ``conv_tasnet_vectors.npz``: outputs of the published Conv-TasNet class, against which ours is tested.

Needs a clone of github.com/facebookresearch/demucs::

    python tests/models/make_conv_tasnet_vectors.py PATH_OF_THE_CLONE
"""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import torch

SOURCES = ["drums", "bass", "other", "vocals"]
CASES = [
    {"N": 12, "L": 20, "B": 8, "H": 10, "P": 3, "X": 8, "R": 2},
    {"N": 12, "L": 20, "B": 8, "H": 10, "P": 3, "X": 10, "R": 2},
    {"N": 9, "L": 8, "B": 6, "H": 7, "P": 5, "X": 2, "R": 3, "audio_channels": 1, "sources": SOURCES[:2]},
]
NAMES = {
    "N": "filters",
    "L": "filter_size",
    "B": "bottleneck",
    "H": "hidden",
    "P": "kernel_size",
    "X": "blocks",
    "R": "stacks",
}


def weights(shapes: list[tuple[int, ...]]) -> list[torch.Tensor]:
    """Return weights in the order of the parameters that a test can make again from the shapes alone.

    Vectors are normalisations' gains, offsets and the slopes of PReLU.
    """
    rng = np.random.default_rng(0)
    values = [
        rng.uniform(0.2, 1.2, shape) if len(shape) == 1 else rng.uniform(-1, 1, shape) * (6 / np.prod(shape[1:])) ** 0.5
        for shape in shapes
    ]
    return [torch.from_numpy(value.astype(np.float32)) for value in values]


def mixture(channels: int, samples: int) -> torch.Tensor:
    """Return the input ``(1, channels, samples)``."""
    return torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, channels, samples)).astype(np.float32))


def published_class(clone: Path) -> type[torch.nn.Module]:
    """Load the class, with the helper it wants."""
    utils = types.ModuleType("published.utils")
    utils.__dict__.update(capture_init=lambda init: init)
    sys.modules.update({"published": types.ModuleType("published"), "published.utils": utils})
    source = subprocess.check_output(["git", "-C", str(clone), "show", "v2:demucs/tasnet.py"], text=True)
    namespace = {"__name__": "published.tasnet", "__package__": "published"}
    exec(compile(source, "tasnet.py", "exec"), namespace)
    return namespace["ConvTasNet"]


def main() -> None:
    published = published_class(Path(sys.argv[1]))
    arrays = {}
    for index, case in enumerate(CASES):
        model = published(**{"sources": SOURCES, **case}).eval()
        parameters = list(model.parameters())
        shapes = [shape[1:-1] if len(shape := tuple(value.shape)) == 3 and shape[0] == shape[2] == 1 else shape
                  for value in parameters]  # fmt: skip
        with torch.no_grad():
            for parameter, value in zip(parameters, weights(shapes), strict=True):
                parameter.copy_(value.reshape(parameter.shape))
            samples = 50 * case["L"]
            arrays[f"output_{index}"] = model(mixture(case.get("audio_channels", 2), samples)).numpy()
        configuration = {NAMES.get(name, name): value for name, value in case.items()}
        arrays[f"case_{index}"] = json.dumps({"samples": samples, "configuration": configuration})
    for blocks in (8, 10):  # the default of the class, and the paper's runs
        parameters = list(published(sources=SOURCES, X=blocks).parameters())
        arrays[f"parameters_{blocks}"] = sum(value.numel() for value in parameters)
    # how the weights of the last one, 10 blocks in 4 stacks, are drawn
    arrays["deviations"] = [value.detach().std() for value in parameters if value.numel() > 1]
    np.savez_compressed(Path(__file__).with_name("conv_tasnet_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
