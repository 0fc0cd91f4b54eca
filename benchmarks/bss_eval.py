"""Speed of BSSEval v4 on four stereo stems: partita against museval, and against fast-bss-eval where comparable.

    pip install ".[evaluate,torch]" museval==0.4.1 fast-bss-eval==0.1.4 --constraint constraints.txt
    python benchmarks/bss_eval.py --seconds 60 120 600

museval also needs ffmpeg on the PATH; ``--peer-limit 0`` times partita alone and needs neither package.

All score the same float32 samples in memory, which are part of the peak (16 channels: 162 MiB a minute). Each run is a
process of its own; imports are excluded. The stems are noise, or those in the folder ``--song`` (drums, bass, other,
vocals, none silent), rounded to 16 bits and repeated to the length. The estimates are the stems with leakage and noise.
fast-bss-eval supports neither several channels nor frames, so it and partita score the left channels in one frame by
``bss_eval_sources``, whose SIR and SAR (but not SDR) equal those of BSSEval v4.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from argparse import SUPPRESS
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from measure import (
    RATE,
    SOURCES,
    alternate,
    highest_peak,
    machine,
    median_seconds,
    option_parser,
    report_worker,
    require,
    run_worker,
)

CHANNELS = 2
INSTALL = 'pip install ".[evaluate,torch]" museval==0.4.1 fast-bss-eval==0.1.4 --constraint constraints.txt'


def track(seconds: int, channels: int, song: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return references and, with leakage and noise, estimates: float32 ``(sources, channels, samples)``."""
    rng = np.random.default_rng(0)
    references = np.empty((len(SOURCES), channels, seconds * RATE), np.float32)
    estimates = np.empty_like(references)
    stems = read_stems(song) if song else None
    for at in range(0, seconds * RATE, RATE):
        if stems is None:
            piece = rng.uniform(-0.2, 0.2, (len(SOURCES), channels, RATE))
        else:
            piece = stems[:, :channels, at % (stems.shape[-1] - RATE) :][..., :RATE] / 32768
        references[..., at : at + RATE] = piece
        estimates[..., at : at + RATE] = 0.8 * piece + 0.1 * piece.sum(0) + rng.uniform(-0.05, 0.05, piece.shape)
    return references, estimates


def read_stems(folder: Path) -> np.ndarray:
    """Return int16 ``(sources, channels, samples)``, cut to the shortest stem."""
    stems = [soundfile.read(next(folder.glob(f"{name}.*")), dtype="int16", always_2d=True)[0].T for name in SOURCES]
    shortest = min(stem.shape[-1] for stem in stems)
    return np.stack([stem[:, :shortest] for stem in stems])


def score_partita(references: np.ndarray, estimates: np.ndarray) -> list[np.ndarray]:
    from partita.evaluation import bss_eval

    scores = bss_eval(references, estimates)
    return [scores.sdr, scores.isr, scores.sir, scores.sar]


def score_museval(references: np.ndarray, estimates: np.ndarray) -> list[np.ndarray]:
    from museval.metrics import bss_eval

    moved = (stems.transpose(0, 2, 1) for stems in (references, estimates))
    return list(bss_eval(*moved, window=RATE, hop=RATE)[:4])


def score_partita_whole(references: np.ndarray, estimates: np.ndarray) -> list[np.ndarray]:
    from partita.evaluation import bss_eval

    scores = bss_eval(references, estimates, window=references.shape[-1])
    return [scores.sir[:, 0], scores.sar[:, 0]]


def score_fast_bss_eval(references: np.ndarray, estimates: np.ndarray) -> list[np.ndarray]:
    import torch  # with NumPy 2 only this half of fast-bss-eval works
    from fast_bss_eval import bss_eval_sources

    mono = (torch.from_numpy(stems[:, 0]).double() for stems in (references, estimates))
    return [score.numpy() for score in bss_eval_sources(*mono, compute_permutation=False)[1:3]]


SCORERS = {
    "partita": (score_partita, CHANNELS),
    "museval": (score_museval, CHANNELS),
    "partita, mono, one frame": (score_partita_whole, 1),
    "fast-bss-eval": (score_fast_bss_eval, 1),
}


def work(what: str, seconds: int, song: Path | None, result: Path) -> None:
    score, channels = SCORERS[what]
    score(*track(1, 1, None))  # so that imports are not timed
    references, estimates = track(seconds, channels, song)
    began = time.perf_counter()
    scores = score(references, estimates)
    elapsed = time.perf_counter() - began
    np.save(result, np.stack(scores))
    report_worker(seconds=elapsed)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "RESULT"), help=SUPPRESS)
    parser.add_argument("--seconds", type=int, nargs="+", default=[60, 120, 600], help="lengths of the tracks")
    parser.add_argument("--song", type=Path, help="folder of a song's stems (default: noise)")
    parser.add_argument(
        "--peer-limit", type=int, default=120, help="longest track that museval and fast-bss-eval score, in seconds"
    )
    parser.add_argument("--runs", type=int, default=1, help="runs of each implementation")
    options = parser.parse_args()
    if options.worker:
        what, result = options.worker
        work(what, options.seconds[0], options.song, Path(result))
        return

    if min(options.seconds) <= options.peer_limit:
        require("museval", "0.4", INSTALL)
        require("fast-bss-eval", "0.1", INSTALL)
        if shutil.which("ffmpeg") is None:
            raise SystemExit(
                "museval needs ffmpeg on the PATH; install it, or pass --peer-limit 0 to time partita alone"
            )
    print(machine())
    for seconds in options.seconds:
        last = 2 if seconds <= options.peer_limit else 1
        for pair in (["partita", "museval"], ["partita, mono, one frame", "fast-bss-eval"]):
            compare(pair[:last], seconds, options.song, options.runs)


def compare(contestants: list[str], seconds: int, song: Path | None, runs: int) -> None:
    """Run the contestants and print their times, their peak memory and the largest difference of their scores."""
    words = ["--seconds", str(seconds), *(["--song", str(song)] if song else [])]
    with tempfile.TemporaryDirectory() as folder:
        paths = {what: Path(folder) / f"{index}.npy" for index, what in enumerate(contestants)}
        workers = {what: partial(run_worker, __file__, what, str(path), *words) for what, path in paths.items()}
        found = alternate(workers, runs)
        scores = [np.load(path) for path in paths.values()]
    median = {what: median_seconds(found[what]) for what in contestants}
    for what in contestants:
        print(f"{seconds:4d} s  {what:25s} {median[what]:7.2f} s  peak {highest_peak(found[what]):5d} MiB")
    if len(contestants) == 2:
        first, second = contestants
        difference = np.nanmax(np.abs(scores[0] - scores[1]))  # museval has no score where a stem is silent
        print(
            f"{seconds:4d} s  {second} / {first} = {median[second] / median[first]:.1f}, differ by {difference:.0e} dB"
        )


if __name__ == "__main__":
    main()
