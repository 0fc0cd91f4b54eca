"""Make ``demucs_vectors.npz``: outputs of the published Demucs classes, against which ours is tested.

Needs a clone of github.com/facebookresearch/demucs and, for its v2 branch, the package julius::

    python tests/models/make_demucs_vectors.py PATH_OF_THE_CLONE
"""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import torch

CASES = [
    ("v1", {}),
    ("v1", {"context": 1, "glu": False}),
    ("v1", {"rewrite": False, "lstm_layers": 0}),
    ("v1", {"upsample": True, "kernel_size": 5, "stride": 2}),
    ("v2", {"resample": True}),
    ("v2", {"resample": True, "growth": 1.5, "lstm_layers": 1}),
]
SMALL = {"channels": 3, "depth": 3, "rescale": 0.1}


def weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights that a test can make again from the names and shapes alone."""
    rng = np.random.default_rng(0)
    return {
        name: torch.from_numpy(rng.uniform(-0.3, 0.3, tuple(value.shape)).astype(np.float32))
        for name, value in sorted(state.items())
    }


def mixture(samples: int) -> torch.Tensor:
    """Return the input ``(1, 2, samples)``."""
    return torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, 2, samples)).astype(np.float32))


def published_class(clone: Path, branch: str) -> type[torch.nn.Module]:
    """Load the class from a branch, with the two helpers it wants."""

    def center_trim(tensor: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        excess = tensor.shape[-1] - reference.shape[-1]
        return tensor[..., excess // 2 : tensor.shape[-1] - (excess - excess // 2)]

    utils = types.ModuleType("published.utils")
    utils.__dict__.update(capture_init=lambda init: init, center_trim=center_trim)
    sys.modules.update({"published": types.ModuleType("published"), "published.utils": utils})
    source = subprocess.check_output(["git", "-C", str(clone), "show", f"{branch}:demucs/model.py"], text=True)
    namespace = {"__name__": "published.model", "__package__": "published"}
    exec(compile(source, "model.py", "exec"), namespace)
    return namespace["Demucs"]


def main() -> None:
    arrays = {}
    for index, (branch, configuration) in enumerate(CASES):
        arguments = {**SMALL, **configuration}
        if branch == "v2":
            arguments |= {"sources": ["drums", "bass", "other", "vocals"], "normalize": False}
        model = published_class(Path(sys.argv[1]), branch)(**arguments).eval()
        model.load_state_dict(weights(model.state_dict()))
        samples = model.valid_length(500)
        with torch.no_grad():
            arrays[f"output_{index}"] = model(mixture(samples)).numpy()
        arrays[f"case_{index}"] = json.dumps({"samples": samples, "configuration": {**SMALL, **configuration}})
    np.savez_compressed(Path(__file__).with_name("demucs_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
