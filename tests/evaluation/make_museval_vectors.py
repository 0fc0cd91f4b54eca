"""Make ``museval_vectors.npz``: scores by museval, against which ours are tested.

Needs museval 0.4::

    python -m tests.evaluation.make_museval_vectors
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """A small track and how it is framed; ``kind`` names what is done to its signals."""

    sources: int = 2
    channels: int = 2
    samples: int = 12000
    window: int = 4000
    hop: int = 4000
    taps: int = 512
    kind: str = ""


CASES = {
    "stereo": Case(),
    "mono": Case(sources=3, channels=1),
    "three channels": Case(channels=3, taps=256),
    "one source": Case(sources=1),
    "shorter than a window": Case(window=44100, hop=44100),
    "overlapping frames": Case(hop=1500),
    "gaps between frames": Case(window=3000, hop=5000),
    "few taps": Case(taps=16),
    "one tap": Case(taps=1),
    "longer than a piece of work": Case(channels=1, samples=150_000, window=44100, hop=44100),
    "frame longer than a piece of work": Case(channels=1, samples=150_000, window=140_000, hop=10_000),
    "quiet": Case(kind="quiet"),
    "coloured": Case(kind="coloured"),
    "silent reference": Case(kind="silent reference"),
    "silent estimate": Case(kind="silent estimate"),
    "channels that cancel": Case(kind="channels that cancel"),
    "silent channel": Case(kind="silent channel"),
    "mono as stereo": Case(kind="mono as stereo"),
    "sum of the others": Case(sources=3, channels=1, kind="sum of the others"),
    "nearly the same": Case(kind="nearly the same"),
}


def signals(case: Case, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return references and estimates, ``(sources, channels, samples)``; a kind's silence is in the second frame."""
    rng = np.random.default_rng(seed)
    references = rng.standard_normal((case.sources, case.channels, case.samples))
    second_frame = slice(case.hop, case.hop + case.window)
    match case.kind:
        case "quiet":
            references *= 1e-4
        case "coloured":
            references[..., 1:] += 0.9 * references[..., :-1]
        case "silent reference":
            references[1, :, second_frame] = 0
        case "channels that cancel":
            references[1, 1, second_frame] = -references[1, 0, second_frame]
        case "silent channel":
            references[0, 1] = 0
        case "mono as stereo":
            references[:, 1] = references[:, 0]
        case "sum of the others":
            references[2] = references[0] - references[1]
        case "nearly the same":
            references[1] = references[0] + 1e-3 * references[1]
    noise = rng.standard_normal(references.shape) * references.std()
    estimates = 0.8 * references + 0.1 * references.sum(0) + 0.05 * noise
    estimates[..., 1:] += 0.2 * references[:, ::-1, :-1]
    if case.kind == "silent estimate":
        estimates[0, :, second_frame] = 0
    return references, estimates


def museval_scores(case: Case, seed: int = 0) -> np.ndarray:
    """Return museval's SDR, ISR, SIR and SAR, ``(4, sources, frames)``."""
    from museval.metrics import bss_eval

    moved = (stems.transpose(0, 2, 1) for stems in signals(case, seed))
    return np.stack(bss_eval(*moved, window=case.window, hop=case.hop, filters_len=case.taps)[:4])


def main() -> None:
    scores = {name: museval_scores(case) for name, case in CASES.items()}
    np.savez_compressed(Path(__file__).with_name("museval_vectors.npz"), **scores)


if __name__ == "__main__":
    main()
