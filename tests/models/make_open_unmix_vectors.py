"""Make ``open_unmix_vectors.npz``: outputs of the published Open-Unmix, against which ours is tested.

Needs the package openunmix, of which nothing that reads files is used::

    python tests/models/make_open_unmix_vectors.py
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import torch

SOURCES = ("drums", "bass", "other", "vocals")
# ours, for arguments of the published classes
CASES = [
    {"audio_channels": 2, "hidden": 8, "layers": 3, "wiener_iterations": 1, "wiener_frames": 12},
    {"audio_channels": 2, "hidden": 12, "layers": 1, "wiener_iterations": 2, "wiener_frames": 300},
    {"audio_channels": 1, "hidden": 8, "layers": 2, "wiener_iterations": 0, "wiener_frames": 300},
]
SMALL = {"sources": SOURCES, "sample_rate": 8000, "n_fft": 256, "hop": 64, "bandwidth": 2500.0}
HEARD_BINS = 81
SAMPLES = 23 * 64  # 24 frames when padded by half a frame at both ends

WIENER_CASES = [(2, 4, 1, 13), (2, 2, 3, 40), (1, 3, 1, 40)]  # channels, sources, iterations, frames of a block
WIENER_FRAMES, WIENER_BINS = 26, 5


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Return weights that a test can make again from the published names and the shapes alone."""
    rng = np.random.default_rng(0)
    state = {}
    for name, shape in sorted(shapes.items()):
        values = rng.uniform(-0.3, 0.3, shape).astype(np.float32)
        if name.endswith(("running_var", "_scale", "output_mean")):
            values = 1 + values
        state[name] = torch.from_numpy(values)
    return state


def mixture(channels: int) -> torch.Tensor:
    """Return the input ``(2, channels, SAMPLES)``."""
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.uniform(-1, 1, (2, channels, SAMPLES)).astype(np.float32))


def wiener_input(channels: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    """Return magnitudes ``(frames, bins, channels, sources)`` and a complex mixture ``(frames, bins, channels)``."""
    rng = np.random.default_rng(2)
    shape = (WIENER_FRAMES, WIENER_BINS, channels)
    stems = rng.normal(size=(*shape, sources, 2)) * rng.uniform(0, 60, (WIENER_FRAMES, WIENER_BINS, 1, sources, 1))
    stems = (stems[..., 0] + 1j * stems[..., 1]) * rng.uniform(0.2, 1, (channels, sources))
    magnitudes = np.abs(stems) * rng.uniform(0.7, 1.3, (*shape, sources))
    return magnitudes.astype(np.float32), stems.sum(-1).astype(np.complex64)


def main() -> None:
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    from openunmix.filtering import wiener
    from openunmix.model import OpenUnmix, Separator

    arrays = {"parameters": np.array(sum(p.numel() for p in OpenUnmix(2049, max_bin=1487).parameters()))}
    for index, case in enumerate(CASES):
        channels = case["audio_channels"]
        networks = {
            source: OpenUnmix(129, channels, case["hidden"], case["layers"], max_bin=HEARD_BINS).eval()
            for source in SOURCES
        }
        separator = Separator(
            networks,
            niter=case["wiener_iterations"],
            sample_rate=SMALL["sample_rate"],
            n_fft=SMALL["n_fft"],
            n_hop=SMALL["hop"],
            nb_channels=2,  # 1 would mix the channels of a spectrogram down, of which there is but one
            wiener_win_len=case["wiener_frames"],
        ).eval()
        state = separator.target_models.state_dict()
        made = weights({name: tuple(value.shape) for name, value in state.items() if value.is_floating_point()})
        separator.target_models.load_state_dict({**state, **made})
        with torch.no_grad():
            magnitude = separator.complexnorm(separator.stft(mixture(channels)))
            arrays[f"network_{index}"] = networks["bass"](magnitude)[1, 0].numpy()
            arrays[f"stems_{index}"] = separator(mixture(channels))[1].numpy()
    for index, (channels, sources, iterations, frames) in enumerate(WIENER_CASES):
        magnitudes, mix = wiener_input(channels, sources)
        parts = [
            wiener(
                torch.from_numpy(magnitudes[first : first + frames]).double(),
                torch.view_as_real(torch.from_numpy(mix[first : first + frames]).cdouble()),
                iterations,
            )
            for first in range(0, WIENER_FRAMES, frames)
        ]
        refined = torch.cat(parts).transpose(-1, -2).contiguous()
        arrays[f"wiener_{index}"] = torch.view_as_complex(refined).numpy().astype(np.complex64)
    np.savez_compressed(Path(__file__).with_name("open_unmix_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
