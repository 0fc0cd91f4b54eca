"""Shared by the benchmarks: options, workers in processes of their own, noise to work on, and the machine's name."""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from partita.system.cores import usable_cores

if TYPE_CHECKING:
    import torch

    from partita.models.base import WaveformModel

MIB = 2**20
RATE = 44100
SOURCES = ("drums", "bass", "other", "vocals")


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of the description and appends each option's default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def option_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose ``--help`` prints a script's docstring and the defaults of its options."""
    return argparse.ArgumentParser(description=description, formatter_class=_Help)


def require(package: str, version: str, install: str) -> None:
    """Exit with one line unless a package is installed in a version that begins with ``version``."""
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        found = "missing"
    if not found.startswith(version):
        raise SystemExit(f"this benchmark needs {package} {version} (installed: {found}); install it by: {install}")


def run_worker(script: str, *arguments: str) -> dict[str, Any]:
    """Run ``script --worker ARGUMENTS`` in a process of its own and return the JSON object it prints last.

    If the worker fails, its error output is printed and the benchmark exits.
    """
    result = subprocess.run([sys.executable, script, "--worker", *arguments], capture_output=True, text=True)
    if result.returncode:
        words = " ".join(["--worker", *arguments])
        raise SystemExit(f"{result.stderr}{script} {words}: failed with exit status {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def alternate(script: str, contestants: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Run the worker of each contestant ``runs`` times, taking turns, so that all meet the same load of the machine.

    Args:
        script: The benchmark.
        contestants: The worker's arguments for each contestant.
        runs: Number of rounds.

    Returns:
        What the workers of each contestant reported, a list of ``runs`` items.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, arguments in contestants.items():
            found[name].append(run_worker(script, *arguments))
    return found


def median_seconds(runs: Iterable[Mapping[str, Any]]) -> float:
    """Return the median of ``seconds`` over the reports of a contestant."""
    return statistics.median(run["seconds"] for run in runs)


def highest_peak(runs: Iterable[Mapping[str, Any]]) -> int:
    """Return the largest peak memory over the reports of a contestant, in MiB."""
    return max(run["peak_mib"] for run in runs)


def report_worker(**facts: Any) -> None:
    """Print a worker's results and the peak of its memory in MiB as JSON."""
    print(json.dumps({**facts, "peak_mib": round(peak_memory() / MIB)}))


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include the parent's memory from before the process began
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> str:
    """Return the processor's name, its usable cores, the system and the Python version."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return f"{cpu}, {usable_cores()} cores, {platform.system()}, Python {platform.python_version()}"


def write_noise(path: Path, seconds: int) -> None:
    """Write stereo noise as a 16-bit wav file, one second at a time."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
        for _ in range(seconds):
            file.write(rng.uniform(-0.2, 0.2, (RATE, 2)))


def training_step(
    model: WaveformModel,
    optimizer: torch.optim.Optimizer,
    stems: torch.Tensor,
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    """Take a training step: forward, loss, backward, optimiser."""
    optimizer.zero_grad()
    model.loss(stems.sum(1), stems, distance).backward()
    optimizer.step()
