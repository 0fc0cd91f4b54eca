"""Separation speed and peak memory against the published implementations, with the same weights.

    pip install ".[export]" --constraint constraints.txt
    pip install "demucs>=4.1,<4.2" --no-deps && pip install einops julius sphn tqdm pyyaml
    pip install openunmix==1.3.0 --no-deps
    python benchmarks/separation_peers.py --json results.json

The paper's Demucs with 64 channels, and that of the 2021 revision (``demucs64-2021``), against `apply_model` of the
package demucs 4.1: with the reference's defaults (windows of 40 s, overlap 0.25, one pass at a random delay), and with
windows of 10 s, which are the default of partita's package. Open-Unmix against `Separator` of the package openunmix 1.3
with its defaults (the whole track at once, one step of expectation-maximisation).

All read the mixture, noise, from memory and return all stems in memory; loading the model is excluded. Each run is a
process of its own, and the contestants take turns. Ratios are those of the medians, with the range over the rounds.
Before that, both separate one excerpt, to check that they compute the same.
"""

from __future__ import annotations

import sys
import tempfile
import types
from argparse import SUPPRESS
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from arithmetic import describe_share, multiply_adds, peak_gflops
from measure import (
    RATE,
    SOURCE,
    SOURCES,
    Run,
    alternate,
    append_record,
    describe_ratio,
    highest_peak,
    machine,
    median_seconds,
    option_parser,
    report_worker,
    require,
    run_worker,
    timed,
)
from packages import SEGMENT, package_of
from trees import Tree

if TYPE_CHECKING:
    from torch import Tensor

    from partita.models.base import WaveformModel

TOLERANCE = 1e-4  # largest accepted difference on the excerpt, relative to the peak
DEMUCS = 'pip install "demucs>=4.1,<4.2" --no-deps && pip install einops julius sphn tqdm pyyaml'
OPEN_UNMIX = "pip install openunmix==1.3.0 --no-deps"
REFERENCE_SEGMENT = 40.0  # seconds, the default of demucs


@dataclass(frozen=True)
class Contestant:
    """An implementation with its options.

    Attributes:
        name: Shown to the user.
        library: ``partita``, ``demucs`` or ``openunmix``.
        segment: Length of its windows in seconds; 0 for its default.
    """

    name: str
    library: str
    segment: float = 0.0


DEMUCS_PEERS = (
    Contestant("demucs, default (40 s)", "demucs", REFERENCE_SEGMENT),
    Contestant("demucs, 10 s", "demucs", SEGMENT),
)
# the peers of each model, the one with the reference's defaults first
PEERS = {
    "demucs64": DEMUCS_PEERS,
    "demucs64-2021": DEMUCS_PEERS,
    "open-unmix": (Contestant("openunmix, default", "openunmix"),),
}


def noise(seconds: int) -> np.ndarray:
    """Return stereo noise, float32 ``(2, samples)``; the time does not depend on what is separated."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, seconds * RATE)).astype(np.float32)


def demucs_module(ours: WaveformModel, segment: float) -> Any:
    """Return the module of the package demucs with the weights of our model."""
    from demucs.demucs import Demucs

    plain = {"dconv_mode": 0, "norm_starts": 99, "gelu": False, "normalize": False}
    resample = ours.configuration["resample"]
    model = Demucs(list(SOURCES), channels=64, lstm_layers=2, context=1, segment=segment, resample=resample, **plain)
    state, weights = model.state_dict(), ours.state_dict()
    for part in ("encoder.", "decoder.", "lstm."):  # the layers are numbered differently, in the same order
        theirs, values = ([name for name in names if name.startswith(part)] for names in (state, weights))
        state.update({name: weights[value] for name, value in zip(theirs, values, strict=True)})
    model.load_state_dict(state)
    return model.eval()


def openunmix_separator(ours: WaveformModel) -> Any:
    """Return the separator of the package openunmix, as its umxhq, with the weights of our model."""
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # it reads files with it, which is not needed here
    from openunmix import umxhq_spec
    from openunmix.model import Separator

    targets = umxhq_spec(list(SOURCES), pretrained=False)
    for target, network in zip(targets.values(), ours.networks, strict=True):
        target.load_state_dict(network.state_dict())
    return Separator(targets, niter=1).eval()


def prepare_partita(package: str, segment: float) -> Callable[[np.ndarray], np.ndarray]:
    from partita import Separator

    separator = Separator(package, device="cpu", segment=segment or None)
    return lambda mixture: np.stack([*separator.separate(mixture).values()])


def prepare_demucs(package: str, segment: float) -> Callable[[np.ndarray], np.ndarray]:
    import torch
    from demucs.apply import apply_model

    from partita import load_model

    model = demucs_module(load_model(package), segment)

    def separate(samples: np.ndarray) -> np.ndarray:
        mixture = torch.from_numpy(samples)
        mono = mixture.mean(0)
        mean, deviation = mono.mean(), mono.std()
        with torch.no_grad():
            stems = apply_model(model, ((mixture - mean) / deviation)[None], device="cpu")[0]
        return (stems * deviation + mean).numpy()

    return separate


def prepare_openunmix(package: str, _segment: float) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    from partita import load_model

    separator = openunmix_separator(load_model(package))

    def separate(samples: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return separator(torch.from_numpy(samples)[None])[0].numpy()

    return separate


PREPARE = {"partita": prepare_partita, "demucs": prepare_demucs, "openunmix": prepare_openunmix}


def work(library: str, package: str, segment: float, seconds: int) -> None:
    separate = PREPARE[library](package, segment)
    mixture = noise(seconds)
    with timed() as run:
        stems = separate(mixture)
    assert stems.shape == (len(SOURCES), *mixture.shape)
    report_worker(**run)


def check(package: str) -> None:
    """Report the largest difference of the modules' outputs on one excerpt, relative to the peak."""
    import torch

    from partita import load_model

    model = load_model(package)
    with torch.no_grad():
        found, expected = (_unmixed if model.architecture == "open-unmix" else _demucs_outputs)(model)
    report_worker(difference=float((found - expected).abs().max() / expected.abs().max()))


def _demucs_outputs(model: WaveformModel) -> tuple[Tensor, Tensor]:
    """Return our output and the reference's, where its padding of the convolutions has no effect."""
    import torch

    geometry = model.geometry
    mixture = torch.from_numpy(noise(11))[None, :, : geometry.input_length(int(SEGMENT * RATE))]
    found, expected = model.core(mixture), demucs_module(model, SEGMENT)(mixture)
    trim = (expected.shape[-1] - found.shape[-1]) // 2
    inside = slice(geometry.edge, found.shape[-1] - geometry.edge)
    return found[..., inside], expected[..., trim : trim + found.shape[-1]][..., inside]


def _unmixed(model: WaveformModel) -> tuple[Tensor, Tensor]:
    """Return our output and the reference's, which pads the mixture by half a frame."""
    import torch
    from torch.nn import functional as F

    hop, half = model.stft.hop, model.stft.n_fft // 2
    mixture = torch.from_numpy(noise(3))[None, :, : 100 * hop]
    found = model.core(F.pad(mixture, (half, half), mode="reflect"))
    lost = (mixture.shape[-1] - found.shape[-1]) // 2
    return found, openunmix_separator(model)(mixture)[..., lost : lost + found.shape[-1]]


def describe(seconds: int, runs: Mapping[str, list[Run]], operations: float | None, peak: float) -> list[str]:
    """Return a line for each contestant, and one for the ratio of each peer to partita."""
    lines = []
    for name, found in runs.items():
        realtime = seconds / median_seconds(found)
        share = describe_share(realtime, operations, peak)
        times = f"{median_seconds(found):7.2f} s, {realtime:.1f}x real time"
        lines.append(f"  {name:24s} {times}, peak {highest_peak(found)} MiB, {share}")
    peers = [name for name in runs if not name.startswith("partita")]
    return lines + [f"  {name} / partita = {describe_ratio(runs[name], runs['partita'])}" for name in peers]


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs="+", metavar="WORD", help=SUPPRESS)
    parser.add_argument("--models", nargs="+", default=["demucs64"], choices=PEERS, help="what to compare")
    parser.add_argument("--seconds", type=int, nargs="+", default=[60, 240], help="lengths of the tracks")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant")
    parser.add_argument(
        "--partita-segment", type=float, metavar="SECONDS", help="also run partita with windows of this length"
    )
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="keep packages of random weights there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add all runs to this file")
    options = parser.parse_args()
    if options.worker:
        library, package, *words = options.worker
        if library == "check":
            check(package)
        else:
            work(library, package, float(words[0]), int(words[1]))
        return

    if any("demucs" in model for model in options.models):
        require("demucs", "4.1", DEMUCS)
    if "open-unmix" in options.models:
        require("openunmix", "1.3", OPEN_UNMIX)
    print(machine())
    peak = peak_gflops()
    print(f"peak of float32 products: {peak:.0f} GFLOP/s")
    this = Tree("partita", SOURCE)
    results = []
    with tempfile.TemporaryDirectory(prefix="partita-") as folder:
        for model in options.models:
            package = package_of(model, this, options.packages or Path(folder))
            operations = multiply_adds(package)
            apart = run_worker(__file__, "check", package)["difference"]
            if not apart <= TOLERANCE:
                raise SystemExit(f"{model}: the implementations differ by {apart:.1e} of the peak on one excerpt")
            print(f"{model}: on one excerpt the implementations differ by {apart:.0e} of the peak")
            ours = [Contestant("partita", "partita")]
            if length := options.partita_segment:
                ours.append(Contestant(f"partita, {length:g} s", "partita", length))
            for seconds in options.seconds:
                workers = {
                    one.name: partial(run_worker, __file__, one.library, package, str(one.segment), str(seconds))
                    for one in (*ours, *PEERS[model])
                }
                runs = alternate(workers, options.runs)
                print(f"{model}, {seconds} s", *describe(seconds, runs, operations, peak), sep="\n", flush=True)
                facts = {"model": model, "seconds": seconds, "multiply_adds": operations, "difference": apart}
                results.append({**facts, "runs": runs})
    if options.json:
        revisions = {this.name: this.revision}
        append_record(options.json, "separation_peers", revisions=revisions, peak_gflops=peak, results=results)


if __name__ == "__main__":
    main()
