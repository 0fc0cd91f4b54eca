"""`partita separate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from partita.cli.console import stem_names
from partita.errors import ConfigError

__all__ = ["separate"]


class _Format(StrEnum):
    wav = "wav"
    flac = "flac"
    mp3 = "mp3"
    ogg = "ogg"
    opus = "opus"


class _Bits(StrEnum):
    integer16 = "16"
    integer24 = "24"
    float32 = "32f"


class _Backend(StrEnum):
    onnx = "onnx"
    torch = "torch"


def separate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Audio or video files, and folders of them.",
            metavar="INPUTS...",
            readable=False,  # whether they are is found out one by one: a bad input stops no other
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Name of a model, or the folder of a package.")
    ] = "default",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("separated"),
    stems: Annotated[str | None, typer.Option(help="Only these stems, as in vocals,drums.")] = None,
    two_stems: Annotated[
        str | None, typer.Option(help="This stem and the rest of the mixture.", metavar="STEM")
    ] = None,
    residual: Annotated[
        bool, typer.Option("--residual", help="Also what no stem holds: stems + residual = the mixture.")
    ] = False,
    format: Annotated[_Format, typer.Option(help="Format of the stems.")] = _Format.wav,
    bits: Annotated[_Bits, typer.Option(help="Bits a sample; 32f is float, wav only.")] = _Bits.integer16,
    sample_rate: Annotated[str, typer.Option(help="Of the stems, in Hz.", metavar="keep|N")] = "keep",
    segment: Annotated[float | None, typer.Option(help="Length of a window in seconds; the model's own.")] = None,
    overlap: Annotated[float, typer.Option(help="Share of a window that the next covers too.")] = 0.25,
    shifts: Annotated[int, typer.Option(help="Passes to average; more is slower and a little better.")] = 0,
    backend: Annotated[_Backend, typer.Option(help="What runs the model.")] = _Backend.onnx,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...; the fastest there is.")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into folders of folders.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave tracks alone that have all stems.")
    ] = False,
    filename: Annotated[
        str, typer.Option(help="Path of a stem: {model} {track} {trackext} {stem} {ext}.", metavar="TEMPLATE")
    ] = "{model}/{track}/{stem}.{ext}",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each track, one a line.")] = False,
) -> None:
    """Separate songs into their stems: OUT/MODEL/TRACK/STEM.wav."""
    from partita.cli.batch import run_batch
    from partita.separation import OutputOptions, Separator

    options = OutputOptions(
        stems=stem_names("--stems", stems),
        two_stems=two_stems,
        residual=residual,
        format=format.value,
        bits=bits.value,
        sample_rate=_rate(sample_rate),
        filename=filename,
    )
    separator = Separator(model, backend=backend.value, segment=segment, overlap=overlap, shifts=shifts, device=device)
    failed = run_batch(
        separator, inputs, out, options, recursive=recursive, skip_existing=skip_existing, as_json=as_json
    )
    raise typer.Exit(1 if failed else 0)


def _rate(text: str) -> int | None:
    if text == "keep":
        return None
    if not text.isdecimal():
        raise ConfigError(f"sample_rate: {text!r} is neither 'keep' nor a number of Hz")
    return int(text)
