"""Separation speed of the paper's 64-channel Demucs: partita against `apply_model` of the package `demucs` 4.1.

    pip install ".[export]" --constraint constraints.txt
    pip install "demucs>=4.1,<4.2" --no-deps && pip install einops julius sphn tqdm pyyaml
    python benchmarks/against_demucs.py

Both use the same weights, read the mixture from memory and return all stems in memory; loading the model is excluded.
Each run is a process of its own. The two alternate, and the ratio is that of the medians. The reference runs with its
defaults (overlap 0.25, one shift, that is one pass at a random delay), except that both use windows of 10 s. One window
is separated by both first, to check that they compute the same.
"""

from __future__ import annotations

import tempfile
import time
from argparse import SUPPRESS
from pathlib import Path
from typing import Any

import numpy as np
from measure import (
    RATE,
    SOURCES,
    alternate,
    highest_peak,
    machine,
    median_seconds,
    option_parser,
    report_worker,
    require,
)

SEGMENT = 10.0  # seconds
INSTALL = 'pip install "demucs>=4.1,<4.2" --no-deps && pip install einops julius sphn tqdm pyyaml'


def song(seconds: int) -> np.ndarray:
    """Return stereo noise, float32 ``(2, samples)``; the time does not depend on what is separated."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, seconds * RATE)).astype(np.float32)


def make_package(folder: Path) -> None:
    import torch

    from partita.models import build
    from partita.zoo.export import export_package

    torch.manual_seed(0)
    model = build("demucs", channels=64)
    facts = {"name": "demucs64", "description": "untrained", "licence": "CC0-1.0", "segment": SEGMENT}
    export_package(model, folder, half=False, **facts)


def work_partita(folder: Path, seconds: int) -> None:
    from partita import Separator

    separator = Separator(folder, device="cpu")
    mixture = song(seconds)
    began = time.perf_counter()
    stems = separator.separate(mixture)
    elapsed = time.perf_counter() - began
    assert stems["vocals"].shape == mixture.shape
    report_worker(seconds=elapsed)


def reference(folder: Path) -> Any:
    """Return the reference implementation's module with the package's weights."""
    from demucs.demucs import Demucs
    from safetensors.torch import load_file

    plain = {"dconv_mode": 0, "norm_starts": 99, "gelu": False, "normalize": False, "resample": False}
    model = Demucs(list(SOURCES), channels=64, lstm_layers=2, context=1, segment=SEGMENT, **plain).eval()
    ours = load_file(folder / "model.safetensors")
    state = model.state_dict()
    for room in ("encoder.", "decoder.", "lstm."):  # the layers are numbered differently, in the same order
        theirs = [name for name in state if name.startswith(room)]
        for name, value in zip(theirs, [ours[n] for n in _ordered(ours, room)], strict=True):
            state[name] = value
    model.load_state_dict(state)
    return model


def work_demucs(folder: Path, seconds: int) -> None:
    import torch
    from demucs.apply import apply_model

    model = reference(folder)
    mixture = torch.from_numpy(song(seconds))
    began = time.perf_counter()
    mono = mixture.mean(0)
    with torch.no_grad():
        stems = apply_model(model, ((mixture - mono.mean()) / mono.std())[None], device="cpu")[0] * mono.std()
    elapsed = time.perf_counter() - began
    assert stems[0].shape == mixture.shape
    report_worker(seconds=elapsed)


def check_parity(folder: Path) -> float:
    """Return the largest difference of the two modules' outputs on one window, relative to the output's peak."""
    import torch

    from partita.zoo import open_package

    ours, theirs = open_package(folder).load_torch(), reference(folder)
    window = torch.from_numpy(song(11))[None, :, : ours.geometry.input_length(int(SEGMENT * RATE))]
    with torch.no_grad():
        found, expected = ours.core(window), theirs(window)
    trim = (expected.shape[-1] - found.shape[-1]) // 2
    inside = slice(ours.geometry.edge, -ours.geometry.edge)  # the reference pads its convolutions
    difference = found[..., inside] - expected[..., trim:-trim][..., inside]
    return float(difference.abs().max() / expected.abs().max())


def _ordered(weights: dict[str, object], room: str) -> list[str]:
    from partita.models import build

    return [name for name in build("demucs", channels=2).state_dict() if name.startswith(room) and name in weights]


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=3, metavar=("WHAT", "FOLDER", "SECONDS"), help=SUPPRESS)
    parser.add_argument("--seconds", type=int, nargs="+", default=[60, 240], help="lengths of the tracks")
    parser.add_argument("--runs", type=int, default=3, help="runs of each implementation")
    options = parser.parse_args()
    if options.worker:
        what, folder, seconds = options.worker
        (work_partita if what == "partita" else work_demucs)(Path(folder), int(seconds))
        return

    require("demucs", "4.1", INSTALL)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        make_package(Path(folder))
        print(f"on one window the two differ by {check_parity(Path(folder)):.1e} of the peak")
        for seconds in options.seconds:
            contestants = {what: (what, folder, str(seconds)) for what in ("partita", "demucs")}
            runs = alternate(__file__, contestants, options.runs)
            median = {what: median_seconds(found) for what, found in runs.items()}
            for what, found in runs.items():
                print(
                    f"{seconds:4d} s  {what:8s} {median[what]:6.1f} s  {seconds / median[what]:5.1f}x real time  "
                    f"peak {highest_peak(found)} MiB"
                )
            print(f"{seconds:4d} s  demucs / partita = {median['demucs'] / median['partita']:.2f}")


if __name__ == "__main__":
    main()
