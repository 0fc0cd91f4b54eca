"""Batches that the loader gives in a second, against those a model takes.

    pip install ".[train]"
    python benchmarks/data_loading.py

Excerpts of cached songs, with and without the change of pitch and tempo (one excerpt in five), loaded in this process
(0 workers) or in others; then steps of a Demucs (forward, backward, Adam) on one batch that is there already. The
songs are noise, or those of ``--data``.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from measure import machine
from torch.utils.data import DataLoader

from partita.data import find_songs
from partita.data.cache import cache_songs
from partita.data.excerpts import ExcerptDataset
from partita.data.repitch import Repitch
from partita.models import build
from partita.system.allocator import keep_freed_memory

RATE = 44100
SOURCES = ("drums", "bass", "other", "vocals")


def write_songs(root: Path, songs: int, seconds: int) -> Path:
    rng = np.random.default_rng(0)
    for song in range(songs):
        (root / f"song-{song}").mkdir(parents=True)
        for stem in SOURCES:
            samples = rng.integers(-6000, 6000, (seconds * RATE, 2), np.int16)
            soundfile.write(root / f"song-{song}" / f"{stem}.wav", samples, RATE)
    return root


def load(excerpts: ExcerptDataset, batch: int, workers: int, batches: int) -> tuple[float, float]:
    """Return batches a second and processor seconds a batch."""
    before = processor_seconds()
    loader = iter(DataLoader(excerpts, batch_size=batch, num_workers=workers))
    next(loader)  # the workers have started
    began = time.perf_counter()
    for _ in itertools.islice(loader, batches):
        pass
    elapsed = time.perf_counter() - began
    del loader  # ends the workers, whose time counts from then on
    return batches / elapsed, (processor_seconds() - before) / (batches + 1)


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def train(batch: torch.Tensor, channels: int, segment: float, steps: int) -> tuple[float, float]:
    """Return steps a second and processor seconds a step."""
    model = build("demucs", channels=channels)
    samples = model.geometry.input_length(round(segment * RATE))
    stems = batch[..., :samples]
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    for step in range(steps + 1):
        if step == 1:
            began, before = time.perf_counter(), processor_seconds()
        estimates = model.core(stems.sum(1))
        left = model.geometry.left_context
        torch.nn.functional.l1_loss(estimates, stems[..., left : left + estimates.shape[-1]]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return steps / (time.perf_counter() - began), (processor_seconds() - before) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of songs")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--segment", type=float, default=6.0, help="seconds")
    parser.add_argument("--channels", type=int, default=16, help="of the Demucs")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()

    print(machine())
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or write_songs(Path(folder) / "songs", songs=8, seconds=120)
        began = time.perf_counter()
        songs, _ = cache_songs(find_songs([data], SOURCES), SOURCES, 2, RATE, Path(folder) / "cache")
        hours = sum(song.samples for song in songs) / RATE / 3600
        print(f"decoding {hours:.2f} h of {len(songs)} songs: {time.perf_counter() - began:.1f} s")
        model = build("demucs", channels=options.channels)
        samples = model.geometry.input_length(round(options.segment * RATE)) + RATE
        for repitch, workers in itertools.product((None, Repitch()), options.workers):
            excerpts = ExcerptDataset(songs, samples=samples, length=10**6, seed=0, repitch=repitch)
            rate, cost = load(excerpts, options.batch, workers, options.batches)
            kind = "with pitch and tempo" if repitch else "plain"
            print(
                f"{kind:20} {workers} workers: {rate:6.2f} batches/s, {cost:.3f} processor seconds a batch", flush=True
            )
        batch = torch.stack([excerpts[index] for index in range(options.batch)])
        rate, cost = train(batch, options.channels, options.segment, options.steps)
        shown = f"{options.batch} x {options.segment:g} s"
        print(f"the model takes {rate:.2f} batches/s of {shown}, {cost:.3f} processor seconds a batch")


if __name__ == "__main__":
    main()
