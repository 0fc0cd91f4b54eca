"""Speed of the embedded model, and the memory a short and a long file take.

    pip install . --constraint constraints.txt
    python benchmarks/default_model.py

Whole processes of `Separator.separate_file`: decoding, separating, writing four 16-bit wav files.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from measure import machine, report_worker, run_worker

RATE = 44100


def write_song(path: Path, seconds: int) -> None:
    """Write stereo noise, a block at a time."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
        for _ in range(seconds):
            file.write(rng.uniform(-0.2, 0.2, (RATE, 2)))


def work(path: Path) -> None:
    import partita

    separator = partita.Separator()
    began = time.perf_counter()
    separator.separate_file(path, path.parent / "out")
    report_worker(seconds=time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=int, nargs="+", default=[2, 4, 60])
    parser.add_argument("--runs", type=int, default=3, help="of files up to 10 minutes; longer ones run once")
    options = parser.parse_args()
    if options.worker:
        work(Path(options.worker))
        return

    print(machine())
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "song.wav"
            write_song(path, 60 * minutes)
            runs = []
            for _ in range(options.runs if minutes <= 10 else 1):
                runs.append(run_worker(__file__, str(path)))
                shutil.rmtree(path.parent / "out")
        median = statistics.median(run["seconds"] for run in runs)
        peak = max(run["peak_mib"] for run in runs)
        print(f"{minutes:3d} min: {median:6.1f} s, {60 * minutes / median:5.1f}x real time, peak {peak} MiB")


if __name__ == "__main__":
    main()
