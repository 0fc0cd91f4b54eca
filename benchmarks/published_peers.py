"""Separation speed and peak memory of a published checkpoint, in partita and in the package demucs 4.1.

    pip install "demucs>=4.1,<4.2" --no-deps && pip install einops julius sphn tqdm pyyaml safetensors
    python benchmarks/published_peers.py CHECKPOINT --json results.json

Both have the same weights and their own defaults: demucs windows of the model's length, overlap 0.25 and one pass at a
random delay. Its loader executes the pickle in a .th file, so use files you trust. The checkpoint is imported into a
temporary folder first. Both read noise from memory and return all stems in memory; loading the model is excluded. Each
run is a process of its own, and the two take turns.
"""

from __future__ import annotations

import os
import tempfile
from argparse import SUPPRESS
from functools import partial
from pathlib import Path

from measure import (
    SOURCE,
    alternate,
    append_record,
    machine,
    option_parser,
    report_worker,
    require,
    run_worker,
    timed,
)
from separation_peers import DEMUCS, describe, noise, prepare_partita
from trees import Tree


def separate_with_demucs(checkpoint: str, seconds: int) -> None:
    import torch
    from demucs.apply import apply_model
    from demucs.hf import load_safetensors_model
    from demucs.states import load_model

    is_zip = Path(checkpoint).read_bytes()[:2] == b"PK"
    model = (load_model if is_zip else load_safetensors_model)(checkpoint).eval()
    mixture = torch.from_numpy(noise(seconds))
    with timed() as run, torch.no_grad():
        mean, deviation = mixture.mean(), mixture.mean(0).std()
        stems = apply_model(model, ((mixture - mean) / deviation)[None], device="cpu")[0]
        stems = stems * deviation + mean
    assert stems.shape[1:] == mixture.shape
    report_worker(**run)


def separate_with_partita(package: str, seconds: int) -> None:
    separate, mixture = prepare_partita(package, 0), noise(seconds)
    with timed() as run:
        stems = separate(mixture)
    assert stems.shape[1:] == mixture.shape
    report_worker(**run)


WORKERS = {"demucs": separate_with_demucs, "partita": separate_with_partita}


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("checkpoint", nargs="?", help="a published file of Demucs, version 3 or 4")
    parser.add_argument("--worker", nargs=3, metavar="WORD", help=SUPPRESS)
    parser.add_argument("--seconds", type=int, default=60, help="length of the track")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add all runs to this file")
    options = parser.parse_args()
    if options.worker:
        library, model, seconds = options.worker
        WORKERS[library](model, int(seconds))
        return
    if options.checkpoint is None:
        parser.error("a checkpoint is needed")
    require("demucs", "4.1", DEMUCS)
    print(machine())
    with tempfile.TemporaryDirectory(prefix="partita-") as home:
        os.environ["PARTITA_HOME"] = home
        from partita.zoo.imports import import_checkpoint

        package = import_checkpoint(Path(options.checkpoint), "model")
        models = {"partita": str(package.folder), "demucs": options.checkpoint}
        workers = {
            name: partial(run_worker, __file__, name, model, str(options.seconds)) for name, model in models.items()
        }
        runs = alternate(workers, options.runs)
    print(f"{options.checkpoint}, {options.seconds} s", *describe(options.seconds, runs, None, 0.0), sep="\n")
    if options.json:
        this = Tree("partita", SOURCE)
        results = [{"checkpoint": Path(options.checkpoint).name, "seconds": options.seconds, "runs": runs}]
        append_record(options.json, "published_peers", revisions={this.name: this.revision}, results=results)


if __name__ == "__main__":
    main()
