"""What the benchmarks share: workers in processes of their own, and the machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

MIB = 2**20


def run_worker(script: str, *arguments: str) -> dict[str, Any]:
    """Run ``script --worker ARGUMENTS`` and return the JSON object it prints last."""
    command = [sys.executable, script, "--worker", *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def report_worker(**facts: Any) -> None:
    """Print what a worker found, with the peak of its memory in MiB."""
    print(json.dumps({**facts, "peak_mib": round(peak_memory() / MIB)}))


def peak_memory() -> int:
    """Return the most bytes this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent had before the process began
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> str:
    """Name the processor, its cores that may be used, and the system."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
