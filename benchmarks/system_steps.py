"""Time of a training step of every system in an experiment, with the experiment's batch sizes.

    pip install ".[train,evaluate]" --constraint constraints.txt
    python benchmarks/system_steps.py experiments/paper/small.toml

A step is forward, loss, backward and Adam, on noise. The systems alternate; the shortest time of several rounds is
reported, and its ratio to that of the first system.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from measure import machine, option_parser, training_step
from torch.nn import functional as F

from partita.experiment.plan import load_experiment
from partita.models import build
from partita.system.allocator import keep_freed_memory
from partita.training.config import TrainingConfig


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("experiment", type=Path, help="TOML file of the experiment")
    parser.add_argument("--rounds", type=int, default=3, help="timed steps of each system")
    options = parser.parse_args()

    experiment = load_experiment(options.experiment)
    systems = [system for system in experiment.systems if system.config is not None]
    keep_freed_memory()
    times: dict[str, list[float]] = {system.name: [] for system in systems}
    for _ in range(options.rounds):
        for system in systems:
            times[system.name].append(step(experiment.config_of(system, seed=0)))
    print(machine())
    first = min(times[systems[0].name])
    for name, found in times.items():
        print(f"{name:20s} {min(found):.3f} s a step, {min(found) / first:.2f} of {systems[0].name}'s time")


def step(config: TrainingConfig) -> float:
    """Return the seconds of a training step."""
    torch.manual_seed(0)
    model = build(config.model.architecture, **config.model.configuration)
    samples = model.geometry.input_length(round(config.data.segment * model.sample_rate))
    stems = 0.3 * torch.randn(config.data.batch_size, len(model.sources), model.audio_channels, samples)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    distance = F.l1_loss if config.optim.loss == "l1" else F.mse_loss
    for _ in range(2):  # the first step maps memory
        began = time.perf_counter()
        training_step(model, optimizer, stems, distance)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
