"""Speed and peak memory of the embedded model, for short and long files.

    pip install . --constraint constraints.txt
    python benchmarks/default_model.py

Each run is a process of its own that calls `Separator.separate_file`: decoding, separating and writing four wav files.
Loading the model is excluded.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from argparse import SUPPRESS
from pathlib import Path

from measure import highest_peak, machine, median_seconds, option_parser, report_worker, run_worker, write_noise


def work(path: Path) -> None:
    import partita

    separator = partita.Separator()
    began = time.perf_counter()
    separator.separate_file(path, path.parent / "out")
    report_worker(seconds=time.perf_counter() - began)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", help=SUPPRESS)
    parser.add_argument("--minutes", type=int, nargs="+", default=[2, 4, 60], help="lengths of the files")
    parser.add_argument("--runs", type=int, default=3, help="runs of each file up to 10 minutes; longer ones run once")
    options = parser.parse_args()
    if options.worker:
        work(Path(options.worker))
        return

    print(machine())
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "song.wav"
            write_noise(path, 60 * minutes)
            runs = []
            for _ in range(options.runs if minutes <= 10 else 1):
                runs.append(run_worker(__file__, str(path)))
                shutil.rmtree(path.parent / "out")
        median = median_seconds(runs)
        print(
            f"{minutes:3d} min: {median:6.1f} s, {60 * minutes / median:5.1f}x real time, peak {highest_peak(runs)} MiB"
        )


if __name__ == "__main__":
    main()
