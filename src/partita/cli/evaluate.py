"""`partita evaluate`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from partita.cli.console import stem_names
from partita.errors import ConfigError

__all__ = ["evaluate"]


def evaluate(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folder of references, SONG/STEM.wav, then folders of estimates; of estimates only, with --data.",
            metavar="[REFERENCES] [ESTIMATES]...",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Separate with this model, or oracle, and score it; may be given again."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of references.")] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="Also compare these: a scores.json, or a JSON file or folder of museval's; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for scores.json and report.html.")] = Path(
        "evaluation"
    ),
    sources: Annotated[str | None, typer.Option(help="Only these stems, as in vocals,drums.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Songs scored at the same time.")] = 1,
    window: Annotated[float, typer.Option(help="Length of a frame in seconds.")] = 1.0,
    hop: Annotated[float, typer.Option(help="Seconds from one frame to the next.")] = 1.0,
    museval_silence: Annotated[
        bool, typer.Option("--museval-silence", help="No score for any stem in frames where one is silent, as museval.")
    ] = False,
    shifts: Annotated[int, typer.Option(help="Of the models: passes to average.")] = 0,
    overlap: Annotated[float, typer.Option(help="Of the models: share of a window that the next covers too.")] = 0.25,
    device: Annotated[str | None, typer.Option(help="Of the models: cpu, cuda, ...; the fastest there is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score estimates, or models, against references: SDR, ISR, SIR, SAR (BSSEval v4), SDR of whole songs, SI-SDR."""
    missing = [name for name in ("jinja2", "matplotlib", "scipy", "threadpoolctl") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"evaluating needs {missing[0]}: pip install 'partita[evaluate]'")
    from partita.cli.scores import run_evaluation
    from partita.evaluation.run import Scoring

    given = list(folders or [])
    references = data or (given.pop(0) if given else None)
    failed = run_evaluation(
        references,
        given,
        model or [],
        scores or [],
        sources=stem_names("--sources", sources),
        scoring=Scoring(window, hop, museval_silence),
        options={"shifts": shifts, "overlap": overlap, "device": device},
        jobs=jobs,
        out=out,
        as_json=as_json,
    )
    raise typer.Exit(1 if failed else 0)
