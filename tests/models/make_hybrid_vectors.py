"""Make ``hybrid_vectors.npz``: outputs of the published Demucs classes of 2021 and 2022, against which ours are tested.

Needs the package demucs (4.1)::

    python tests/models/make_hybrid_vectors.py
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

SMALL = {"sources": ["voice", "rest"], "channels": 8, "norm_starts": 1, "norm_groups": 2}
SHARED = {**SMALL, "nfft": 64, "depth": 3, "dconv_lstm": 1, "dconv_attn": 1}
TIME = {**SMALL, "depth": 3, "dconv_lstm": 1, "dconv_attn": 1}
TRANSFORMER = {**SMALL, "audio_channels": 1, "nfft": 256, "depth": 2, "t_heads": 2, "segment": Fraction(1, 10)}
CASES = [  # class, arguments, samples
    ("HDemucs", SHARED, 1000),
    ("HDemucs", {**SHARED, "audio_channels": 1, "dconv_mode": 3}, 3333),  # long enough for pieces of the LSTMs
    ("HDemucs", {**SHARED, "cac": False}, 1000),
    ("HDemucs", {**SHARED, "audio_channels": 1, "hybrid_old": True}, 1001),
    ("HDemucs", {**SHARED, "nfft": 256, "depth": 4, "multi_freqs": [0.2, 0.5], "multi_freqs_depth": 1}, 1500),
    ("Demucs", {**TIME, "normalize": True}, 1000),
    ("Demucs", {**TIME, "normalize": False, "resample": False, "dconv_mode": 3}, 1001),
    ("Demucs", {**TIME, "audio_channels": 1, "dconv_mode": 0}, 1000),
    ("HTDemucs", TRANSFORMER, 4410),
    ("HTDemucs", {**TRANSFORMER, "bottom_channels": 24, "dconv_mode": 3, "t_layers": 2, "dconv_comp": 4}, 4410),
]


def weights(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Return weights that a test can make again from the names and shapes alone."""
    rng = np.random.default_rng(0)
    return {
        name: torch.from_numpy(rng.uniform(-0.3, 0.3, shape).astype(np.float32))
        for name, shape in sorted(shapes.items())
    }


def mixture(channels: int, samples: int) -> torch.Tensor:
    """Return the input ``(1, channels, samples)``."""
    values = np.random.default_rng(1).uniform(-1, 1, (1, channels, samples))
    return torch.from_numpy(values.astype(np.float32))


def main() -> None:
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    classes = {published.__name__: published for published in (Demucs, HDemucs, HTDemucs)}
    arrays = {}
    for index, (name, arguments, samples) in enumerate(CASES):
        model = classes[name](**arguments).eval()
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        model.load_state_dict(weights(shapes))
        with torch.no_grad():
            arrays[f"output_{index}"] = model(mixture(arguments.get("audio_channels", 2), samples)).numpy()
        arrays[f"shapes_{index}"] = json.dumps(shapes)
    np.savez_compressed(Path(__file__).with_name("hybrid_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
