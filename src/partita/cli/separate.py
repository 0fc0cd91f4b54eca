"""`partita separate`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partita.cli.console import ends_within_a_second, stem_names
from partita.cli.downloads import Offline, obtain
from partita.errors import ConfigError
from partita.options import DEFAULT_FILENAME, BackendName, Bits, Format, Quality

if TYPE_CHECKING:
    from partita.audio import Limits

__all__ = ["separate"]


def separate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Audio or video files, and folders of them; - reads a file from standard input.",
            metavar="INPUTS...",
            readable=False,  # checked one by one: a bad input does not stop the others
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="Name of a model, see partita models, or folder of a package; fetched on first use."
        ),
    ] = "default",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output folder; - writes a single stem to standard output.")
    ] = Path("separated"),
    stems: Annotated[str | None, typer.Option(help="Write only these stems, as in vocals,drums.")] = None,
    two_stems: Annotated[
        str | None, typer.Option(help="Write this stem and the mixture without it.", metavar="STEM")
    ] = None,
    residual: Annotated[
        bool, typer.Option("--residual", help="Also write what no stem contains: stems + residual = mixture.")
    ] = False,
    format: Annotated[Format, typer.Option(help="Format of the stems.")] = "wav",
    bits: Annotated[
        Bits, typer.Option(help="Bits per sample; 32f is float (wav only), keep takes those of the input.")
    ] = "keep",
    bitrate: Annotated[
        int | None, typer.Option(help="Bit rate of mp3 and opus (default: about 320).", metavar="KBIT/S")
    ] = None,
    vbr: Annotated[
        float | None, typer.Option(help="Variable bit rate: mp3 0 (best) to 9, ogg 0 to 10 (best).", metavar="Q")
    ] = None,
    sample_rate: Annotated[str, typer.Option(help="Sample rate of the stems in Hz.", metavar="keep|N")] = "keep",
    tags: Annotated[bool, typer.Option(help="Copy tags and cover of the input.")] = True,
    start: Annotated[float, typer.Option(help="Skip this much of each song.", metavar="SECONDS")] = 0.0,
    duration: Annotated[
        float | None, typer.Option(help="Separate this much of each song (default: all).", metavar="SECONDS")
    ] = None,
    quality: Annotated[Quality, typer.Option(help="Preset of --overlap and --shifts.")] = "balanced",
    segment: Annotated[
        float | None, typer.Option(help="Length of a window (default: the model's).", metavar="SECONDS")
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(help="Fraction of a window that the next one covers too (default: that of --quality)."),
    ] = None,
    shifts: Annotated[
        int | None, typer.Option(help="Number of passes to average (default: that of --quality).")
    ] = None,
    backend: Annotated[BackendName, typer.Option(help="Library that runs the model.")] = "onnx",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ... (default: the fastest available).")] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Number of threads on the CPU (default: the cores that may be used).", metavar="N"),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders too.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Skip songs that have all their stems; redo incomplete ones.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing stems.")] = False,
    filename: Annotated[
        str, typer.Option(help="Path of a stem: {model} {track} {trackext} {stem} {ext}.", metavar="TEMPLATE")
    ] = DEFAULT_FILENAME,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per song, one a line.")] = False,
    offline: Offline = False,
    limits: Annotated[
        str | None,
        typer.Option(
            help="Accept other inputs than usual, as in min_rate=500,max_rate=1000000,channels=128,hours=48.",
            metavar="NAME=N,...",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")] = False,
) -> None:
    """Separate songs into their stems: OUT/MODEL/TRACK/STEM.wav."""
    with ends_within_a_second():
        from partita.audio.source import check_part
        from partita.cli.batch import Batch, check_stdout
        from partita.separation import OutputOptions, Separator, SeparatorOptions, sources_of

        check_part(start, duration)
        options = OutputOptions(
            stems=stem_names("--stems", stems),
            two_stems=two_stems,
            residual=residual,
            format=format,
            bits=bits,
            bitrate=bitrate,
            vbr=vbr,
            sample_rate=_rate(sample_rate),
            tags=tags,
            filename=filename,
            overwrite=overwrite or skip_existing,
        )
        how = SeparatorOptions(
            backend=backend,
            quality=quality,
            segment=segment,
            overlap=overlap,
            shifts=shifts,
            device=device,
            threads=threads,
            limits=_limits(limits),
        )

        def wanted(sources: tuple[str, ...]) -> tuple[str, ...]:
            """Return the stems that the outputs need; what is wrong with them is reported before a download."""
            names = options.names(sources)
            if str(out) == "-":
                check_stdout(inputs, names, as_json=as_json)
            return sources_of(names, sources)

        batch = Batch(
            Separator(obtain(model, offline=offline, stems=wanted), **vars(how)),
            options,
            start=start,
            duration=duration,
            skip_existing=skip_existing,
            as_json=as_json,
            quiet=quiet,
        )
        failed = batch.run_to_stdout(inputs) if str(out) == "-" else batch.run(inputs, out, recursive=recursive)
    raise typer.Exit(1 if failed else 0)


def _rate(text: str) -> int | None:
    if text == "keep":
        return None
    if not text.isdecimal():
        raise ConfigError(f"sample_rate: {text!r} is neither 'keep' nor a number of Hz")
    return int(text)


def _limits(text: str | None) -> Limits:
    from partita.audio import Limits

    known = {field.name: field.type for field in fields(Limits)}
    given: dict[str, float] = {}
    for part in filter(None, (text or "").split(",")):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in known:
            raise ConfigError(f"limits: no limit {name!r}; there are {', '.join(known)}")
        try:
            given[name] = float(number) if known[name] == "float" else int(number)
        except ValueError as error:
            raise ConfigError(f"limits: {name} needs a number, as in {name}={getattr(Limits, name)}") from error
    return Limits(**given)  # type: ignore[arg-type]
