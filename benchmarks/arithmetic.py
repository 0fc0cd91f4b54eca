"""Multiply-adds of a model, and the machine's peak: what share of the arithmetic that the cores could do is done.

    pip install ".[torch]" --constraint constraints.txt
    python benchmarks/arithmetic.py default

The multiply-adds of a second of audio are those that one more second of a long track costs, each sample computed once:
where a program computes overlapping windows, its share of the peak is lower for it. Convolutions, linear layers and
LSTMs are counted; activations, Fourier transforms and resampling are not. The peak is that of a product of two float32
matrices in NumPy on all usable cores.
"""

from __future__ import annotations

import time
from argparse import SUPPRESS
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from measure import machine, option_parser, report_worker, require, run_worker

if TYPE_CHECKING:
    import torch
    from torch import nn

    from partita.models.base import WaveformModel

_SIZE = 2048  # rows and columns of the matrices
_SECONDS = 2.0  # spent on measuring the peak


def peak_gflops() -> float:
    """Return the machine's peak in GFLOP/s; a multiply-add is two operations."""
    return float(run_worker(__file__, "peak", "")["gflops"])


@cache
def multiply_adds(model: str) -> float | None:
    """Return the multiply-adds for a second of audio, of what ``partita --model`` takes; None without torch."""
    return run_worker(__file__, "count", model)["multiply_adds"] if find_spec("torch") else None


def describe_share(realtime: float, multiply_adds: float | None, peak: float) -> str:
    """Return the GFLOP/s of a program, and their share of the peak; ``-`` without a number of multiply-adds.

    Args:
        realtime: Its speed in seconds of audio per second.
        multiply_adds: Of the model, per second of audio.
        peak: The machine's, in GFLOP/s.
    """
    if multiply_adds is None:
        return "-"
    gflops = 2e-9 * multiply_adds * realtime
    return f"{gflops:.0f} GFLOP/s, {gflops / peak:.0%} of the peak"


def measure_peak() -> float:
    one, other = np.random.default_rng(0).normal(size=(2, _SIZE, _SIZE)).astype(np.float32)
    found = np.empty_like(one)
    best, deadline = np.inf, time.perf_counter() + _SECONDS
    while (began := time.perf_counter()) < deadline:
        np.matmul(one, other, out=found)
        best = min(best, time.perf_counter() - began)
    return float(2e-9 * _SIZE**3 / best)


def count(model: WaveformModel) -> float:
    """Return the multiply-adds per second of audio, from two inputs of different lengths."""
    import torch
    from torch import nn

    total = 0

    def add(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor | tuple[torch.Tensor]) -> None:
        nonlocal total
        total += _of_layer(module, inputs[0], output if isinstance(output, torch.Tensor) else output[0])

    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.Linear | nn.LSTM):
            module.register_forward_hook(add)
    totals, step = [], 16 * model.geometry.multiple
    with torch.no_grad():
        for samples in (step, 2 * step):
            total = 0
            model(torch.zeros(1, model.audio_channels, samples))
            totals.append(total)
    return (totals[1] - totals[0]) / step * model.sample_rate


def _of_layer(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    from torch import nn

    matrices = sum(weight.numel() for weight in module.parameters() if weight.dim() > 1)
    if isinstance(module, nn.Linear | nn.LSTM):
        return matrices * (x.numel() // x.shape[-1])
    # a kernel is applied at every position of a convolution's output, and of a transposed one's input
    at = x if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d) else y
    return matrices * (at.numel() // at.shape[1])


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "MODEL"), help=SUPPRESS)
    parser.add_argument("models", nargs="*", default=["default"], help="names of models, or folders of packages")
    options = parser.parse_args()
    if options.worker:
        what, model = options.worker
        if what == "peak":
            report_worker(gflops=measure_peak())
        else:
            from partita import load_model

            report_worker(multiply_adds=count(load_model(model)))
        return

    require("torch", "2", 'pip install ".[torch]" --constraint constraints.txt')
    print(machine())
    peak = peak_gflops()
    print(f"peak of float32 products: {peak:.0f} GFLOP/s")
    for model in options.models:
        found = multiply_adds(model)
        limit = peak / (2e-9 * found)
        print(f"{model}: {found * 1e-9:.2f} G multiply-adds per second of audio, at most {limit:.0f}x real time")


if __name__ == "__main__":
    main()
