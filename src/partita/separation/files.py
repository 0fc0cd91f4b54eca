"""From files to files: what goes where, decided before any work starts, and one bad file stops no other."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from partita.audio import nearest_rate
from partita.audio.encode import BITS, FORMATS
from partita.errors import AudioError, ConfigError, PartitaError
from partita.separation.blocks import CancelToken, Progress
from partita.separation.mixture import Mixture
from partita.separation.output import RESIDUAL, lanes_of, write_lanes
from partita.separation.separator import Separator

__all__ = ["DEFAULT_FILENAME", "Job", "OutputOptions", "Result", "find_inputs", "plan_jobs", "run_job"]

DEFAULT_FILENAME = "{model}/{track}/{stem}.{ext}"
_FIELDS = {"model", "track", "trackext", "stem", "ext"}
_SUFFIXES = frozenset(  # what a folder's audio and video files are known by
    ".3gp .aac .ac3 .aif .aiff .alac .amr .ape .au .avi .caf .flac .flv .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp3 .mp4 "  # noqa: SIM905
    ".mpg .mpeg .oga .ogg .opus .rf64 .ts .w64 .wav .webm .wma .wmv .wv".split()
)


@dataclass(frozen=True)
class OutputOptions:
    """What is written for each track.

    Attributes:
        stems: The stems to write; all by default.
        two_stems: Write this stem and ``no_STEM``, the mixture without it.
        residual: Write also what no stem holds, so that stems and residual add up to the mixture.
        format: wav, flac, mp3, ogg or opus.
        bits: ``16``, ``24`` or ``32f`` (wav only); no matter for lossy formats.
        sample_rate: Hz; the source's own by default.
        filename: Path below the output folder, of ``{model}``, ``{track}`` (name without suffix),
            ``{trackext}`` (its suffix), ``{stem}`` and ``{ext}``.

    Raises:
        ConfigError: A value makes no sense.
    """

    stems: tuple[str, ...] | None = None
    two_stems: str | None = None
    residual: bool = False
    format: str = "wav"
    bits: str = "16"
    sample_rate: int | None = None
    filename: str = DEFAULT_FILENAME

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.format not in FORMATS:
            raise ConfigError(f"format: {self.format!r} is none of {', '.join(FORMATS)}")
        if self.bits not in BITS:
            raise ConfigError(f"bits: {self.bits!r} is none of {', '.join(BITS)}")
        if self.bits == "32f" and self.format != "wav":
            raise ConfigError(f"bits: {self.format} holds no 32-bit floats; use wav")
        if self.stems is not None and self.two_stems is not None:
            raise ConfigError("two_stems: names the outputs already; give stems or two_stems")
        if self.sample_rate is not None and not 1000 <= self.sample_rate <= 768_000:
            raise ConfigError(f"sample_rate: {self.sample_rate} Hz is not between 1000 and 768000")
        try:
            one, other = (
                self.filename.format(model="m", track="t", trackext="e", stem=stem, ext="x") for stem in ("a", "b")
            )
        except (KeyError, IndexError, ValueError) as error:
            names = ", ".join(f"{{{name}}}" for name in sorted(_FIELDS))
            raise ConfigError(f"filename: {self.filename!r} may only name {names}") from error
        if one == other:
            raise ConfigError(f"filename: {self.filename!r} has no {{stem}}, all stems would be one file")
        if Path(one).is_absolute() or ".." in Path(one).parts:
            raise ConfigError(f"filename: {self.filename!r} must stay below the output folder")

    def names(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the outputs of a model.

        Raises:
            ConfigError: The model has no such stem.
        """
        chosen = (self.two_stems,) if self.two_stems is not None else self.stems or sources
        for name in chosen:
            if name not in sources:
                raise ConfigError(f"stems: the model separates {', '.join(sources)}, not {name!r}")
        if self.two_stems is not None:
            chosen = (self.two_stems, f"no_{self.two_stems}")
        names = tuple(dict.fromkeys(chosen))
        return (*names, RESIDUAL) if self.residual else names


@dataclass(frozen=True)
class Job:
    """One input and the files it becomes, by output name."""

    source: Path
    outputs: dict[str, Path]

    @property
    def done(self) -> bool:
        """Whether all its outputs exist."""
        return all(os.path.exists(path) for path in self.outputs.values())  # noqa: PTH110 - a name may be impossible


@dataclass(frozen=True)
class Result:
    """What became of a job.

    Attributes:
        outputs: The files written, by output name.
        sample_rate: Of the files, Hz.
        seconds: Length of the track.
        gain: Common gain of all files; less than 1 where a stem would have clipped.
        warnings: What the user should know, in sentences.
    """

    outputs: dict[str, Path]
    sample_rate: int
    seconds: float
    gain: float
    warnings: list[str] = field(default_factory=list)


def find_inputs(paths: Iterable[Path], *, recursive: bool = False) -> Iterator[tuple[Path, Path] | PartitaError]:
    """Turn files and folders into tracks.

    Args:
        paths: Files, taken whatever their suffix; folders, of which the files with a suffix of audio or video
            are taken.
        recursive: Whether to look into folders of folders.

    Yields:
        A file and the path its outputs are named after, or the error that stands for a path.
    """
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for what may not be looked at
            yield path, Path(path.name)
            continue
        unreadable: list[OSError] = []
        files: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=unreadable.append):
            files += [Path(folder, name) for name in names if _is_audio(name)]
            if not recursive:
                folders.clear()
        for problem in unreadable:
            yield AudioError(f"{problem.filename}: cannot read this folder: {problem.strerror}")
        if not files and not unreadable:
            deeper = "" if recursive else "; --recursive looks into its folders"
            yield AudioError(f"{path}: no audio file in this folder{deeper}")
        for file in sorted(files):
            yield file, file.relative_to(path)


def _is_audio(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES


def plan_jobs(
    inputs: Iterable[tuple[Path, Path]],
    folder: Path,
    model: str,
    sources: tuple[str, ...],
    options: OutputOptions,
) -> list[Job]:
    """Decide where every output goes.

    Raises:
        ConfigError: Two inputs would write the same file, an output would replace an input, or the model has no
            such stem.
    """
    inputs = list(dict.fromkeys(inputs))
    names = options.names(sources)
    owners: dict[str, Path] = {}
    sources_read = {_key(source) for source, _ in inputs}
    jobs = []
    for source, relative in inputs:
        outputs = {name: folder / _expand(options, relative, model, name) for name in names}
        for path in outputs.values():
            if _key(path) in sources_read:
                raise ConfigError(f"{source}: its output {path} would replace an input; choose another folder with -o")
            owner = owners.setdefault(_key(path), source)
            if owner != source:
                raise ConfigError(
                    f"{owner} and {source} would both become {path}; separate them into two folders, or tell them "
                    "apart by {trackext} in --filename"
                )
        jobs.append(Job(source, outputs))
    return jobs


def run_job(
    separator: Separator,
    job: Job,
    options: OutputOptions,
    *,
    mixture: Mixture | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Result:
    """Separate one file into its outputs.

    Args:
        separator: With the model that ``job`` was planned for.
        job: What to read and where to write.
        options: What ``job`` was planned with.
        mixture: The input as the separator opened it, where the caller has done so.
        progress: As of :meth:`Separator.separate`.
        cancel: As of :meth:`Separator.separate`.

    Raises:
        AudioError: The input cannot be read.
        OutputError: An output cannot be written.
        Cancelled: ``cancel`` was set.
    """
    mixture = mixture or separator.open(job.source)
    wanted = options.sample_rate or mixture.sample_rate
    rate = nearest_rate(options.format, wanted)
    samples = mixture.length_at(rate)
    warnings = []
    if rate != wanted:
        warnings.append(f"{job.source}: written at {rate} Hz, {options.format} has no {wanted} Hz")
    blocks = separator.stream(mixture, output_rate=rate, progress=progress, cancel=cancel)
    gain = write_lanes(
        (lanes_of(block, separator.sources, job.outputs) for block in blocks),
        list(job.outputs.values()),
        sample_rate=rate,
        channels=separator.card.audio_channels,
        samples=samples,
        format=options.format,
        bits=options.bits,
    )
    return Result(job.outputs, rate, samples / rate, gain, [*mixture.warnings, *warnings])


def _expand(options: OutputOptions, relative: Path, model: str, stem: str) -> Path:
    track = relative.with_name(relative.stem) if relative.stem.strip(".") else relative.with_name("_" + relative.stem)
    return Path(
        options.filename.format(
            model=model, track=track.as_posix(), trackext=relative.suffix[1:], stem=stem, ext=options.format
        )
    )


def _key(path: Path) -> str:
    """Return what two paths share that are one file, also where names are compared by canonical form."""
    return unicodedata.normalize("NFC", os.path.normcase(path.absolute()))
