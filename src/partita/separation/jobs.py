"""What is separated and where it is written, decided before any work starts."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import TypedDict, get_args

from partita.audio import nearest_rate
from partita.audio.encode import compression_of
from partita.audio.limits import MAX_RATE, checked_rate
from partita.errors import AudioError, ConfigError, OutputError, PartitaError
from partita.options import DEFAULT_FILENAME, Bits, Format
from partita.separation.blocks import RESIDUAL

__all__ = [
    "Job",
    "OutputFields",
    "OutputOptions",
    "Result",
    "find_inputs",
    "plan_jobs",
    "without_earlier_outputs",
]

_LOWEST_RATE = 1000  # Hz
_FIELDS = ("model", "track", "trackext", "stem", "ext")
_SUFFIXES = frozenset(  # of the audio and video files that are looked for in folders
    ".3gp .aac .ac3 .aif .aiff .alac .amr .ape .au .avi .caf .flac .flv .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp3 .mp4 "  # noqa: SIM905
    ".mpg .mpeg .oga .ogg .opus .rf64 .ts .w64 .wav .webm .wma .wmv .wv".split()
)


class OutputFields(TypedDict, total=False):
    """The fields of :class:`OutputOptions` as keyword arguments."""

    stems: tuple[str, ...] | None
    two_stems: str | None
    residual: bool
    format: Format
    bits: Bits
    bitrate: int | None
    vbr: float | None
    sample_rate: int | None
    tags: bool
    filename: str
    overwrite: bool


@dataclass(frozen=True)
class OutputOptions:
    """What is written for each track.

    Attributes:
        stems: The stems to write; all by default.
        two_stems: Write this stem and ``no_STEM``, the mixture without it.
        residual: Also write what no stem contains, so that stems and residual add up to the mixture.
        format: wav, flac, mp3, ogg or opus.
        bits: ``16``, ``24``, ``32f`` (float, wav only) or ``keep``: as many as the input has (16 for lossy inputs,
            32f for samples in memory). Lossy formats ignore it.
        bitrate: Of mp3 (constant) and opus (average), in kbit/s; about 320 by default.
        vbr: Quality of a variable bit rate, instead of ``bitrate``: from 0 (best) to 9 for mp3, from 0 to 10 (best)
            for ogg.
        sample_rate: Hz; the input's by default.
        tags: Copy the input's tags and cover; the name of the stem is added to the title.
        filename: Path below the output folder, made of ``{model}``, ``{track}`` (the input's name without suffix),
            ``{trackext}`` (its suffix), ``{stem}`` and ``{ext}``.
        overwrite: Replace existing files; otherwise they are an error.

    Raises:
        ConfigError: A value is invalid.
    """

    stems: tuple[str, ...] | None = None
    two_stems: str | None = None
    residual: bool = False
    format: Format = "wav"
    bits: Bits = "keep"
    bitrate: int | None = None
    vbr: float | None = None
    sample_rate: int | None = None
    tags: bool = True
    filename: str = DEFAULT_FILENAME
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.format not in get_args(Format):
            raise ConfigError(f"format: {self.format!r} is not one of {', '.join(get_args(Format))}")
        if self.bits not in get_args(Bits):
            raise ConfigError(f"bits: {self.bits!r} is not one of {', '.join(get_args(Bits))}")
        if self.bits == "32f" and self.format != "wav":
            raise ConfigError(f"bits: {self.format} cannot hold 32-bit floats; use wav")
        if self.sample_rate is not None and checked_rate(self.sample_rate) < _LOWEST_RATE:
            raise ConfigError(f"sample_rate: must be between {_LOWEST_RATE} and {MAX_RATE} Hz, not {self.sample_rate}")
        rate = nearest_rate(self.format, self.sample_rate or 44100)
        try:
            compression_of(self.format, rate, 2, self.bitrate, self.vbr)
        except ConfigError as error:  # the encoder's option is called quality
            raise ConfigError(str(error).replace("quality", "vbr", 1)) from error
        if isinstance(self.stems, str):
            raise ConfigError(f"stems: pass a tuple of names, such as ({self.stems!r},)")
        if self.stems is not None and self.two_stems is not None:
            raise ConfigError("two_stems: cannot be combined with stems; pass one of them")
        _check_fields(self.filename)
        one, other = (
            self.filename.format(model="m", track="t", trackext="e", stem=stem, ext="x") for stem in ("a", "b")
        )
        if one == other:
            raise ConfigError(f"filename: {self.filename!r} has no {{stem}}, so all stems would be one file")
        if Path(one).is_absolute() or ".." in Path(one).parts:
            raise ConfigError(f"filename: {self.filename!r} must stay below the output folder")

    def names(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of what is written for a model with these sources.

        Raises:
            ConfigError: The model has no such stem, or one called ``residual`` beside the residual.
        """
        chosen = (self.two_stems,) if self.two_stems is not None else self.stems or sources
        for name in chosen:
            if name not in sources:
                raise ConfigError(f"stems: the model separates {', '.join(sources)}, not {name!r}")
        if self.two_stems is not None:
            chosen = (self.two_stems, f"no_{self.two_stems}")
        names = tuple(dict.fromkeys(chosen))
        if self.residual and RESIDUAL in names:
            raise ConfigError(f"residual: the model has a stem of the name {RESIDUAL!r} already")
        return (*names, RESIDUAL) if self.residual else names

    def bits_for(self, native: str) -> str:
        """Return the bits a file is written with, ``native`` being those of the input (``16``, ``24`` or ``32f``)."""
        if self.bits != "keep":
            return self.bits
        return "24" if native == "32f" and self.format == "flac" else native


def _check_fields(template: str) -> None:
    """Allow plain fields only: an attribute or a width of a field could be anything, and as long."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"filename: {template!r} is not a template: {error}") from error
    if any(name is not None and (name not in _FIELDS or spec or kind) for _, name, spec, kind in parts):
        names = ", ".join(f"{{{name}}}" for name in _FIELDS)
        raise ConfigError(f"filename: {template!r} may only contain the fields {names}")


@dataclass(frozen=True)
class Job:
    """One input and the files that are written for it, by output name."""

    source: Path
    outputs: dict[str, Path]

    @property
    def existing(self) -> list[Path]:
        """The outputs that exist already."""
        return [path for path in self.outputs.values() if os.path.exists(path)]  # noqa: PTH110 - for impossible names

    @property
    def done(self) -> bool:
        """Whether all outputs exist already."""
        return len(self.existing) == len(self.outputs)

    def refuse_existing(self) -> None:
        """Raise an :class:`OutputError` if an output exists already."""
        for path in self.existing:
            raise OutputError(
                f"{path}: exists already; choose another folder, or allow it to be replaced (--overwrite, "
                "overwrite=True)"
            )


@dataclass(frozen=True)
class Result:
    """What was written for a job.

    Attributes:
        outputs: The files, by output name.
        sample_rate: Of the files, in Hz.
        seconds: Length of the track.
        gain: The gain applied to all files; less than 1 if a stem would have clipped.
        warnings: What the user should know, one sentence each.
    """

    outputs: dict[str, Path]
    sample_rate: int
    seconds: float
    gain: float
    warnings: list[str] = field(default_factory=list)


def find_inputs(
    paths: Iterable[Path], *, recursive: bool = False, skip: Path | None = None
) -> Iterator[tuple[Path, Path] | PartitaError]:
    """List the tracks that files and folders stand for.

    Args:
        paths: Files, whatever their suffix, and folders, of which the audio and video files are taken.
        recursive: Search subfolders too.
        skip: A folder that is not searched, such as that of the outputs, unless it is one of ``paths``.

    Yields:
        A file and the relative path its outputs are named after, or the error of a path.
    """
    skipped = None if skip is None else os.path.realpath(skip)
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where access is denied
            yield _existing_file(path)
            continue
        unreadable: list[OSError] = []
        files: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=unreadable.append):
            files += [Path(folder, name) for name in names if _is_audio(name)]
            if not recursive:
                folders.clear()
            folders[:] = [name for name in folders if os.path.realpath(Path(folder, name)) != skipped]
        for problem in unreadable:
            yield AudioError(f"{problem.filename}: cannot read this folder: {problem.strerror}")
        if not files and not unreadable:
            hint = "" if recursive else "; use --recursive to search its subfolders"
            yield AudioError(f"{path}: no audio file in this folder{hint}")
        for file in sorted(files):
            yield file, file.relative_to(path)


def _existing_file(path: Path) -> tuple[Path, Path] | PartitaError:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return AudioError(f"{path}: no such file; check the name and the folder")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        return AudioError(f"{path}: cannot be opened: {reason}; check its name and permissions")
    return path, Path(path.name)


def _is_audio(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES


def without_earlier_outputs(
    inputs: Iterable[tuple[Path, Path]], sources: tuple[str, ...], options: OutputOptions
) -> list[tuple[Path, Path]]:
    """Leave out the stems that an earlier run wrote for other inputs, in whatever folder and with whatever model.

    A file is such a stem if the end of its path fits ``options.filename`` with the name of another input as
    ``{track}`` and the name of a stem.

    Args:
        inputs: Files and relative paths, as of :func:`find_inputs`.
        sources: The stems of the model.
        options: How outputs are named.
    """
    inputs = list(inputs)
    stem_names = [*sources, *(f"no_{source}" for source in sources), RESIDUAL]
    groups = {
        "model": "[^/]+",
        "track": ".+",
        "trackext": "[^/.]*",
        "stem": "|".join(map(re.escape, stem_names)),
        "ext": "|".join(get_args(Format)),
    }
    pattern = ""
    for text, name, _, _ in Formatter().parse(options.filename):
        pattern += re.escape(text)
        if name:  # a field that comes twice has the same text twice
            pattern += f"(?P={name})" if f"(?P<{name}>" in pattern else f"(?P<{name}>{groups[name]})"
    template = re.compile(pattern)
    tracks = {_track(relative).as_posix(): source for source, relative in inputs}

    def is_output(source: Path, relative: Path) -> bool:
        parts = relative.parts
        matches = (template.fullmatch("/".join(parts[first:])) for first in range(len(parts)))
        return any(match and tracks.get(match.groupdict().get("track", ""), source) != source for match in matches)

    return [(source, relative) for source, relative in inputs if not is_output(source, relative)]


def plan_jobs(
    inputs: Iterable[tuple[Path, Path]],
    folder: Path,
    model: str,
    sources: tuple[str, ...],
    options: OutputOptions,
) -> list[Job]:
    """Decide where every output goes.

    Args:
        inputs: Files and the relative paths their outputs are named after.
        folder: The output folder.
        model: Name of the model.
        sources: Its stems.
        options: What to write.

    Raises:
        ConfigError: Two inputs would write the same file, an output would replace an input or lie outside the folder,
            or the model has no such stem.
    """
    inputs = list(dict.fromkeys(inputs))
    names = options.names(sources)
    owners: dict[str, Path] = {}
    keys_read = {_key(source) for source, _ in inputs}
    files_read = {_identity(source) for source, _ in inputs} - {None}
    root = os.path.realpath(folder)
    jobs = []
    for source, relative in inputs:
        outputs = {name: folder / _expand(options, relative, model, name) for name in names}
        for path in outputs.values():
            if not _is_below(path, root):
                raise ConfigError(
                    f"{source}: its output {path} would lie outside {folder}; choose another --filename, or remove the "
                    "link that leads out of the folder"
                )
            if _key(path) in keys_read or _identity(path) in files_read:
                raise ConfigError(f"{source}: its output {path} would replace an input; choose another folder with -o")
            owner = owners.setdefault(_key(path), source)
            if owner != source:
                raise ConfigError(
                    f"{owner} and {source} would both become {path}; write them to two folders, or use {{trackext}} in "
                    "--filename to keep them apart"
                )
        jobs.append(Job(source, outputs))
    return jobs


def _track(relative: Path) -> Path:
    """Return a relative path without its suffix, a name made of dots alone with an underscore before it."""
    return relative.with_name(relative.stem if relative.stem.strip(".") else f"_{relative.stem}")


def _expand(options: OutputOptions, relative: Path, model: str, stem: str) -> Path:
    return Path(
        options.filename.format(
            model=model,
            track=_track(relative).as_posix(),
            trackext=relative.suffix[1:],
            stem=stem,
            ext=options.format,
        )
    )


def _is_below(path: Path, root: str) -> bool:
    """Return whether a file written as ``path`` would lie below a resolved folder; a link is replaced, not followed."""
    parent = os.path.realpath(path.parent)
    inside = parent == root or parent.startswith(os.path.join(root, ""))  # noqa: PTH118 - a text
    return inside and path.name not in ("", "..") and os.path.join(parent, path.name) != root  # noqa: PTH118


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what all names of a file have in common, hard links included; ``None`` if there is no such file."""
    try:
        facts = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino


def _key(path: Path) -> str:
    """Return the same text for all paths of one file, normalisation forms of Unicode included."""
    return unicodedata.normalize("NFC", os.path.normcase(os.path.realpath(path)))
