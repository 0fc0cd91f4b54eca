"""Speed of data loading, in batches a second, against the speed at which a model trains on them.

    pip install ".[train]" --constraint constraints.txt
    python benchmarks/data_loading.py

Excerpts of cached songs are loaded by this process (0 workers) or by worker processes, without and with changes of
pitch and tempo (one excerpt in five). Then a Demucs takes training steps (forward, L1 loss, backward, Adam) on a batch
in memory. The songs are noise, or those of ``--data``.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import torch
from measure import RATE, SOURCES, machine, option_parser, processor_seconds, training_step, write_track
from torch.nn import functional as F
from torch.utils.data import DataLoader

from partita.data import cache_songs, find_songs
from partita.data.excerpts import ExcerptDataset
from partita.data.repitch import Repitch
from partita.models import build
from partita.system.allocator import keep_freed_memory


def write_songs(root: Path, songs: int, seconds: int) -> Path:
    for song in range(songs):
        (root / f"song-{song}").mkdir(parents=True)
        for stem in SOURCES:
            write_track(root / f"song-{song}" / f"{stem}.wav", seconds)
    return root


def load(excerpts: ExcerptDataset, batch: int, workers: int, batches: int) -> tuple[float, float]:
    """Return batches a second and processor seconds a batch."""
    before = processor_seconds()
    loader = iter(DataLoader(excerpts, batch_size=batch, num_workers=workers))
    next(loader)  # the workers are running now
    began = time.perf_counter()
    for _ in itertools.islice(loader, batches):
        pass
    elapsed = time.perf_counter() - began
    del loader  # ends the workers, after which their time is known
    return batches / elapsed, (processor_seconds() - before) / (batches + 1)


def train(batch: torch.Tensor, channels: int, segment: float, steps: int) -> tuple[float, float]:
    """Return steps a second and processor seconds a step."""
    model = build("demucs", channels=channels)
    samples = model.geometry.input_length(round(segment * RATE))
    stems = batch[..., :samples]
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    training_step(model, optimizer, stems, F.l1_loss)  # the first step maps memory
    began, before = time.perf_counter(), processor_seconds()
    for _ in range(steps):
        training_step(model, optimizer, stems, F.l1_loss)
    return steps / (time.perf_counter() - began), (processor_seconds() - before) / steps


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--data", type=Path, help="folder of songs (default: 8 songs of 2 min of noise)")
    parser.add_argument("--batch", type=int, default=8, help="excerpts in a batch")
    parser.add_argument("--segment", type=float, default=6.0, help="length of an excerpt in seconds")
    parser.add_argument("--channels", type=int, default=16, help="channels of the Demucs")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of worker processes")
    parser.add_argument("--batches", type=int, default=20, help="batches loaded for each line")
    parser.add_argument("--steps", type=int, default=3, help="training steps")
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
