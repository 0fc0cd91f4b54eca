"""Time of a training step of Demucs on the CPU: partita against the published class under plain PyTorch.

    pip install ".[train]" --constraint constraints.txt
    pip install demucs==2.0.3 diffq==0.2.4 --no-deps && pip install julius tqdm   # diffq needs a C compiler
    python benchmarks/training_speed.py

A step is forward, L1 loss, backward and Adam on a batch of 4 excerpts of 10 s (and their context), for the paper's
architecture with its LSTM, whose published class is in demucs 2.0.3. Data loading and augmentation are excluded for
every contestant. There are four contestants: the reference as published, the reference with partita's allocator
settings, partita, and partita in mixed precision (``trainer.precision=bf16-mixed``). Each run is a process of its own,
and the contestants alternate. All start from the same weights and train on the same batch, so the losses of all steps
must agree. Ratios are those of the medians over all timed steps of all runs.
"""

from __future__ import annotations

import statistics
import time
from argparse import SUPPRESS
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from measure import RATE, SOURCES, alternate, highest_peak, machine, option_parser, report_worker, require, run_worker
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models import build
from partita.system.allocator import keep_freed_memory
from partita.training.config import ModelSection, OptimSection, TrainingConfig
from partita.training.task import SeparationTask

BATCH, SEGMENT = 4, 10.0  # excerpts, seconds
LEARNING_RATE = 3e-4
WARM_UP = 3  # untimed steps, in which memory is mapped
TOLERANCE = 1e-4  # largest accepted difference of the losses, relative to the loss
MIXED_TOLERANCE = 1e-2  # the same with mixed precision
INSTALL = "pip install demucs==2.0.3 diffq==0.2.4 --no-deps && pip install julius tqdm"
MIXED = "partita, bfloat16"
CONTESTANTS = ("reference", "reference, allocator", "partita", MIXED)

Loss = Callable[[Tensor, Tensor], Tensor]


def partita(channels: int) -> tuple[nn.Module, Loss, torch.optim.Optimizer]:
    """Return the model, the loss of mixture and stems, and the optimiser, as ``partita train`` makes them."""
    section = ModelSection(architecture="demucs", configuration={"channels": channels})
    config = TrainingConfig(model=section, optim=OptimSection(learning_rate=LEARNING_RATE, steps=1000))
    model = build("demucs", channels=channels)
    optimizer = SeparationTask(model, config, steps=1000).configure_optimizers()["optimizer"]
    return model, lambda mixture, stems: model.loss(mixture, stems, F.l1_loss), optimizer


def reference(channels: int) -> tuple[nn.Module, Loss, torch.optim.Optimizer]:
    """Return the same for the published class, as its own training script makes them."""
    from demucs.model import Demucs
    from demucs.utils import center_trim

    model = Demucs(list(SOURCES), channels=channels, resample=False)

    def loss(mixture: Tensor, stems: Tensor) -> Tensor:
        estimates = model(mixture)
        return F.l1_loss(estimates, center_trim(stems, estimates))

    return model, loss, torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)


def work(contestant: str, channels: int, steps: int) -> None:
    """Train, and report the time and the loss of each step."""
    if contestant != "reference":
        keep_freed_memory()
    torch.manual_seed(0)
    first = build("demucs", channels=channels)
    model, loss, optimizer = (partita if contestant.startswith("partita") else reference)(channels)
    model.load_state_dict(first.state_dict())
    stems = 0.1 * torch.randn(BATCH, len(SOURCES), 2, first.geometry.input_length(round(SEGMENT * RATE)))
    mixture = stems.sum(1)
    seconds, losses = [], []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=contestant == MIXED):
            value = loss(mixture, stems)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(value.item())
        seconds.append(time.perf_counter() - began)
    report_worker(seconds=seconds[WARM_UP:], losses=losses)


def worst_disagreement(runs: list[dict[str, Any]]) -> float:
    """Return the largest difference between the losses of a step, relative to the loss."""
    steps = zip(*(run["losses"] for run in runs), strict=True)
    return max((max(losses) - min(losses)) / min(losses) for losses in steps)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=3, metavar=("WHO", "CHANNELS", "STEPS"), help=SUPPRESS)
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 24, 32], help="channels of the Demucs")
    parser.add_argument("--steps", type=int, default=8, help="timed steps of a run")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant")
    options = parser.parse_args()
    if options.worker:
        who, channels, steps = options.worker
        work(who, int(channels), int(steps))
        return

    require("demucs", "2.0.3", INSTALL)
    print(f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for channels in options.channels:
        words = (str(channels), str(options.steps))
        runs = alternate({who: partial(run_worker, __file__, who, *words) for who in CONTESTANTS}, options.runs)
        apart = worst_disagreement([run for who, found in runs.items() for run in found if who != MIXED])
        mixed_apart = worst_disagreement([run for found in runs.values() for run in found])
        if not (apart <= TOLERANCE and mixed_apart <= MIXED_TOLERANCE):
            raise SystemExit(f"{channels} channels: the losses differ by {apart:.1e}, {mixed_apart:.1e} in bfloat16")
        seconds = {who: statistics.median(s for run in found for s in run["seconds"]) for who, found in runs.items()}
        for who, found in runs.items():
            print(
                f"{channels:3d} channels  {who:20s} {seconds[who]:6.3f} s a step  "
                f"{BATCH * SEGMENT / seconds[who]:5.1f} s of audio a second  "
                f"{seconds[who] / seconds['partita']:5.2f} of partita's time  "
                f"peak {highest_peak(found)} MiB"
            )
        print(f"{channels:3d} channels  the losses of all steps agree to {apart:.1e}, in bfloat16 to {mixed_apart:.1e}")


if __name__ == "__main__":
    main()
