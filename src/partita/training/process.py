"""Training in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from partita import errors
from partita.errors import PartitaError
from partita.system.atomic import write_atomically
from partita.training.config import TrainingConfig
from partita.zoo import Package, open_package

__all__ = ["run_job", "train_in_process"]

_JOB = "job.json"


def train_in_process(
    config: TrainingConfig,
    *,
    data: Mapping[Path, float],
    valid: Iterable[Path] = (),
    out: Path,
    cache: Path | None = None,
    resume: bool = False,
) -> Package:
    """Train as :func:`partita.training.train` does, but in a process of its own.

    Its memory is freed afterwards, and on several devices Lightning starts that process again rather than the calling
    program. The log of the run goes to stderr.

    Args:
        config: As of :func:`partita.training.train`, like all others.
        data: See there.
        valid: See there.
        out: See there.
        cache: See there.
        resume: See there.

    Returns:
        The package.

    Raises:
        PartitaError: As of :func:`partita.training.train`; or the process was killed.
        KeyboardInterrupt: As of :func:`partita.training.train`.
    """
    job = {
        "config": config.model_dump(mode="json"),
        "data": {str(root): weight for root, weight in data.items()},
        "valid": [str(root) for root in valid],
        "out": str(out),
        "cache": None if cache is None else str(cache),
        "resume": resume,
    }
    path = out / _JOB
    write_atomically(path, json.dumps(job, indent=1).encode())
    command = [sys.executable, "-m", "partita.training", str(path)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                answer, _ = process.communicate()
            except KeyboardInterrupt:
                process.terminate()  # a terminal interrupts both processes, but anyone else only this one
                process.wait()
                raise
    finally:
        path.unlink(missing_ok=True)
    if process.returncode == 128 + signal.SIGINT:
        raise KeyboardInterrupt
    if process.returncode:
        lines = answer.splitlines()
        if not lines:
            raise PartitaError(f"{out}: training ended with exit code {process.returncode}; its output tells why")
        failure = json.loads(lines[-1])
        raise getattr(errors, failure["error"])(failure["message"])
    return open_package(out)


def run_job(path: Path) -> int:
    """Run a job written by :func:`train_in_process`, in this process.

    An error is printed to stdout as a line of JSON.

    Returns:
        The exit code: 0, 1 after an error, 130 after an interruption.
    """
    from partita.training.progress import show_log
    from partita.training.run import train
    from partita.training.start import is_first_process

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    job = json.loads(path.read_text(encoding="utf-8"))
    show_log(everything=is_first_process())
    try:
        train(
            TrainingConfig.model_validate(job["config"]),
            data={Path(root): weight for root, weight in job["data"].items()},
            valid=[Path(root) for root in job["valid"]],
            out=Path(job["out"]),
            cache=None if job["cache"] is None else Path(job["cache"]),
            resume=job["resume"],
        )
    except PartitaError as error:
        if is_first_process():
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))  # noqa: T201 - for the caller
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
