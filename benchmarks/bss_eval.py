"""BSSEval v4 of four stereo stems: partita against museval; and against fast-bss-eval where that does the same.

    pip install ".[evaluate]" museval fast-bss-eval torch
    python benchmarks/bss_eval.py --seconds 60 120 600

All get the same float32 samples in memory, which count in the peak (16 channels: 162 MiB a minute); every run is a
process of its own, and importing does not count. museval is left out of tracks longer than ``--peer-limit``.
The stems are noise, or those in the folder ``--song`` (drums, bass, other, vocals, none silent), rounded to 16 bits and
repeated to the length; the estimates are the stems with leakage and noise.
fast-bss-eval knows neither channels nor frames: it scores the left channels, in one frame, by ``bss_eval_sources``,
whose SIR and SAR (not SDR) are then those of BSSEval v4.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from measure import machine, report_worker, run_worker

RATE = 44100
SOURCES, CHANNELS = 4, 2


def track(seconds: int, channels: int, song: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return references and, with leakage and noise, estimates: float32 ``(sources, channels, samples)``."""
    rng = np.random.default_rng(0)
    references = np.empty((SOURCES, channels, seconds * RATE), np.float32)
    estimates = np.empty_like(references)
    stems = read_stems(song) if song else None
    for at in range(0, seconds * RATE, RATE):
        if stems is None:
            piece = rng.uniform(-0.2, 0.2, (SOURCES, channels, RATE))
        else:
            piece = stems[:, :channels, at % (stems.shape[-1] - RATE) :][..., :RATE] / 32768
        references[..., at : at + RATE] = piece
        estimates[..., at : at + RATE] = 0.8 * piece + 0.1 * piece.sum(0) + rng.uniform(-0.05, 0.05, piece.shape)
    return references, estimates


def read_stems(folder: Path) -> np.ndarray:
    names = ("drums", "bass", "other", "vocals")
    stems = [soundfile.read(next(folder.glob(f"{name}.*")), dtype="int16", always_2d=True)[0].T for name in names]
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
    score(*track(1, 1, None))  # imports count for neither
    references, estimates = track(seconds, channels, song)
    began = time.perf_counter()
    scores = score(references, estimates)
    elapsed = time.perf_counter() - began
    np.save(result, np.stack(scores))
    report_worker(seconds=elapsed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "RESULT"), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, nargs="+", default=[60, 120, 600], help="lengths of the tracks")
    parser.add_argument("--song", type=Path, help="folder of a song's stems; noise by default")
    parser.add_argument("--peer-limit", type=int, default=120, help="longest track for the others, in seconds")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    if options.worker:
        what, result = options.worker
        work(what, options.seconds[0], options.song, Path(result))
        return

    print(machine())
    for seconds in options.seconds:
        last = 2 if seconds <= options.peer_limit else 1
        for pair in (["partita", "museval"], ["partita, mono, one frame", "fast-bss-eval"]):
            compare(pair[:last], seconds, options.song, options.runs)


def compare(contestants: list[str], seconds: int, song: Path | None, runs: int) -> None:
    """Time each, alternating, and print their times, their peaks, and how far their scores differ."""
    found: dict[str, list[dict[str, float]]] = {what: [] for what in contestants}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.npy" for index in range(len(contestants))]
        for _ in range(runs):
            for what, path in zip(contestants, paths, strict=True):
                words = ["--seconds", str(seconds), *(["--song", str(song)] if song else [])]
                found[what].append(run_worker(__file__, what, str(path), *words))
        scores = [np.load(path) for path in paths]
    median = {what: statistics.median(run["seconds"] for run in found[what]) for what in contestants}
    for what in contestants:
        peak = max(run["peak_mib"] for run in found[what])
        print(f"{seconds:4d} s  {what:25s} {median[what]:7.2f} s  peak {peak:5.0f} MiB")
    if len(contestants) == 2:
        first, second = contestants
        difference = np.nanmax(np.abs(scores[0] - scores[1]))  # museval has no score where a stem is silent
        print(
            f"{seconds:4d} s  {second} / {first} = {median[second] / median[first]:.1f}, differ by {difference:.0e} dB"
        )


if __name__ == "__main__":
    main()
