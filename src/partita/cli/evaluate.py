"""`partita evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from partita.cli.console import ends_within_a_second, stem_names
from partita.errors import ConfigError
from partita.options import DEFAULT_OVERLAP
from partita.system.extras import needs_extra

__all__ = ["evaluate"]


def evaluate(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folder of true stems, SONG/STEM.wav, and folders of estimates; with --data, only the latter.",
            metavar="[REFERENCES] [ESTIMATES]...",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Also separate with this model or oracle, and score it; may be repeated."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of true stems.")] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="Also compare with scores.json, or museval's file or folder; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for scores.json and report.html.")] = Path(
        "evaluation"
    ),
    sources: Annotated[
        str | None, typer.Option(help="Score only these stems, for example vocals,drums (default: all).")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Number of songs to score at the same time.")] = 1,
    window: Annotated[float, typer.Option(help="Length of a frame in seconds.")] = 1.0,
    hop: Annotated[float, typer.Option(help="Seconds from the start of one frame to the next.")] = 1.0,
    museval_silence: Annotated[
        bool, typer.Option("--museval-silence", help="As museval, score no stem in frames where any stem is silent.")
    ] = False,
    shifts: Annotated[int, typer.Option(help="Number of passes that models average.")] = 0,
    overlap: Annotated[
        float, typer.Option(help="Fraction of a window that the next one covers too, in models.")
    ] = DEFAULT_OVERLAP,
    device: Annotated[str | None, typer.Option(help="Where models run: cpu, cuda, ... (default: the fastest).")] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Number of threads, divided among the jobs (default: the cores that may be used).", metavar="N"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score estimates or models against the true stems: SDR, ISR, SIR, SAR (BSSEval v4), whole-song SDR, SI-SDR."""
    given = list(folders or [])
    references = data or (given.pop(0) if given else None)
    if references is None and (given or model or not scores):
        raise ConfigError("give the folder of true stems: partita evaluate REFERENCES ESTIMATES, or --data DIR")
    if references is not None and not (given or model):
        raise ConfigError("give something to score: a folder of estimates, or --model NAME")

    with needs_extra("evaluate"):
        import partita.evaluation.report.page  # noqa: F401 - fail before songs are scored, not after
    from partita.cli.scores import ProgressBars, check_output, print_runs, save_evaluation
    from partita.evaluation import Scoring, evaluate_folders, load_runs, with_distinct_names

    with ends_within_a_second():
        runs = [run for path in scores or [] for run in load_runs(path)]
        check_output(out, len(runs) + len(given) + len(model or []))
        if references is not None:
            with ProgressBars(quiet=as_json) as bars:
                runs += evaluate_folders(
                    references,
                    given,
                    model or [],
                    sources=stem_names("--sources", sources),
                    scoring=Scoring(window, hop, museval_silence),
                    shifts=shifts,
                    overlap=overlap,
                    device=device,
                    jobs=jobs,
                    threads=threads,
                    progress=bars.update,
                )
            failed = any(run.failures for run in runs[-len(given) - len(model or []) :])
        else:
            failed = False
    runs = with_distinct_names(runs)
    save_evaluation(runs, out)
    print_runs(runs, as_json=as_json)
    raise typer.Exit(1 if failed else 0)
