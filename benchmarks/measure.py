"""Shared by the benchmarks: options, runs in processes of their own, tracks to work on, and facts about the machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

if TYPE_CHECKING:
    import torch

    from partita.models.base import WaveformModel

MIB = 2**20
RATE = 44100  # Hz
SOURCES = ("drums", "bass", "other", "vocals")
SOURCE = Path(__file__).resolve().parents[1] / "src"  # of the checkout that this benchmark belongs to
MP3_LEVEL = 2 / 9  # libsndfile's scale from 320 kbit/s (0) to 32 kbit/s (1): 256 kbit/s

_LAUNCHER = Path(__file__).with_name("launch.py")
_EXTENSIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd")
_PACKAGES = ("partita", "numpy", "onnxruntime", "torch", "demucs", "openunmix")

Run = dict[str, Any]  # what one run reports: "seconds", "peak_mib" and more


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of the description and appends each option's default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def option_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose ``--help`` prints a script's docstring and the defaults of its options."""
    return argparse.ArgumentParser(description=description, formatter_class=_Help)


def require(package: str, version: str, install: str) -> None:
    """Exit with one line unless a package is installed in a version that begins with ``version``."""
    found = _version(package) or "missing"
    if not found.startswith(version):
        raise SystemExit(f"this benchmark needs {package} {version} (installed: {found}); install it by: {install}")


def run_worker(script: str, *arguments: str, source: Path = SOURCE) -> Run:
    """Run ``script --worker ARGUMENTS`` in a process of its own and return the JSON object it prints last.

    If the worker fails, its error output is printed and the benchmark exits.

    Args:
        script: The benchmark.
        arguments: Of its worker.
        source: Folder that holds the package ``partita`` to use.
    """
    return _run([sys.executable, script, "--worker", *arguments], source)


def run_command(arguments: Sequence[str], source: Path = SOURCE) -> Run:
    """Run ``partita ARGUMENTS`` as a process and return its ``seconds``, ``cpu_seconds`` and ``peak_mib``.

    Args:
        arguments: Of the command line.
        source: As of :func:`run_worker`.
    """
    return _run([sys.executable, "-I", "-S", str(_LAUNCHER), sys.executable, "-m", "partita", *arguments], source)


def _run(command: Sequence[str], source: Path) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode:
        raise SystemExit(f"{result.stderr}{' '.join(command)}: failed with exit status {result.returncode}")
    found: Run = json.loads(result.stdout.splitlines()[-1])
    return found


def alternate(contestants: Mapping[str, Callable[[], Run]], runs: int) -> dict[str, list[Run]]:
    """Run each contestant ``runs`` times, taking turns, so that all meet the same load of the machine.

    The order is reversed from round to round: whoever runs second may find a warmer processor.

    Args:
        contestants: What runs each contestant once.
        runs: Number of rounds.

    Returns:
        What each contestant reported, a list of ``runs`` items.
    """
    found: dict[str, list[Run]] = {name: [] for name in contestants}
    for index in range(runs):
        for name, run in [*contestants.items()][:: -1 if index % 2 else 1]:
            found[name].append(run())
    return found


def median_seconds(runs: Iterable[Run]) -> float:
    """Return the median of ``seconds`` over the reports of a contestant."""
    return statistics.median(run["seconds"] for run in runs)


def highest_peak(runs: Iterable[Run]) -> int:
    """Return the largest peak memory over the reports of a contestant, in MiB."""
    return max(run["peak_mib"] for run in runs)


def describe_ratio(slower: Sequence[Run], faster: Sequence[Run]) -> str:
    """Return the ratio of the medians of two contestants that took turns, and the range of the rounds' ratios."""
    rounds = [one["seconds"] / other["seconds"] for one, other in zip(slower, faster, strict=True)]
    return f"{median_seconds(slower) / median_seconds(faster):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


@contextmanager
def timed() -> Iterator[Run]:
    """Time a block; the run it yields has ``seconds`` and ``cpu_seconds`` when the block ends."""
    run: Run = {}
    began, used = time.perf_counter(), processor_seconds()
    yield run
    run.update(seconds=time.perf_counter() - began, cpu_seconds=processor_seconds() - used)


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


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that have ended, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def machine_facts() -> dict[str, Any]:
    """Return the processor, its usable cores and vector extensions, the memory, the load, the system and versions."""
    cpu, flags = platform.processor() or platform.machine(), set()
    information = Path("/proc/cpuinfo")
    if information.exists():
        fields = dict(line.split(":", 1) for line in information.read_text().splitlines() if ":" in line)
        facts = {name.strip(): value.strip() for name, value in fields.items()}
        cpu = facts.get("model name", cpu)
        flags = set(facts.get("flags", facts.get("Features", "")).split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu,
        "cores": cores,
        "extensions": [name for name in _EXTENSIONS if name in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": os.getloadavg()[0],  # of the last minute: above 1 before a benchmark, something else is running
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def machine() -> str:
    """Return the facts about the machine on one line."""
    facts = machine_facts()
    packages = ", ".join(f"{name} {found}" for name, found in facts["packages"].items())
    extensions = " ".join(facts["extensions"]) or "no known extension"
    return f"{facts['cpu']} ({extensions}), {facts['cores']} cores, Python {facts['python']}, {packages}"


def append_record(path: Path, benchmark: str, **facts: Any) -> None:
    """Add a run of a benchmark to a JSON file: its command, date, machine and results.

    Args:
        path: The file, a list of records; created if needed.
        benchmark: Name of the benchmark.
        facts: Its results.
    """
    records = json.loads(path.read_text()) if path.exists() else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"benchmark": benchmark, "command": [Path(sys.argv[0]).name, *sys.argv[1:]], "date": now}
    records.append({**head, "machine": machine_facts(), **facts})
    path.write_text(json.dumps(records, indent=1) + "\n")


def write_track(path: Path, seconds: int, song: Path | None = None) -> None:
    """Write stereo noise, or a song repeated or cut to a length, one second at a time.

    Args:
        path: A ``.wav`` file of 16 bits, or an ``.mp3`` file of 256 kbit/s.
        seconds: Length.
        song: Any file that soundfile reads; its first two channels are taken.
    """
    rng = np.random.default_rng(0)
    rate, samples = RATE, None
    if song is not None:
        samples, rate = soundfile.read(song, dtype="float32", always_2d=True)
        samples = samples[:, [0, min(1, samples.shape[1] - 1)]]
    subtype: dict[str, Any] = {"subtype": "PCM_16"}
    if path.suffix == ".mp3":
        subtype = {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": MP3_LEVEL}
    with soundfile.SoundFile(path, "w", rate, 2, **subtype) as file:
        for second in range(seconds):
            if samples is None:
                file.write(rng.uniform(-0.2, 0.2, (rate, 2)))
            else:
                file.write(samples.take(np.arange(second * rate, (second + 1) * rate), axis=0, mode="wrap"))


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


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
