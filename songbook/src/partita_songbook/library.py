"""The MIDI files, recordings, instruments and voices that songs are made of, divided into two splits."""

from __future__ import annotations

import csv
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from partita.errors import ConfigError
from partita_songbook.drums import find_kits
from partita_songbook.lmms import Preset, find_presets
from partita_songbook.manifest import FILE_NAME, Collection, Manifest, load_manifest, matches
from partita_songbook.recordings import folder_name, licence
from partita_songbook.soundfont import Soundfont, find_soundfonts
from partita_songbook.voices import SpeechVoice, find_voices

__all__ = ["Groove", "Library", "MaterialFile", "Split", "VowelFile"]

Split = Literal["train", "valid"]
_SPLIT_IN_TABLE = {"train": "train", "valid": "validation"}
_SHORTEST_GROOVE = 20  # seconds


@dataclass(frozen=True)
class MaterialFile:
    """A MIDI file, a recording, or a folder of stems, and its licence."""

    path: Path
    licence: str


@dataclass(frozen=True)
class Groove(MaterialFile):
    """A MIDI drum performance in 4/4; ``bpm`` is its tempo in beats per minute."""

    bpm: float


@dataclass(frozen=True)
class VowelFile(MaterialFile):
    """A recording of one sustained vowel: who sings, whether several voices do, and whether they are women."""

    singer: str
    choir: bool
    female: bool


@dataclass(frozen=True)
class Library:
    """The material of one split. The splits share nothing.

    Attributes:
        grooves: MIDI drum performances in 4/4.
        songs: MIDI files of songs with several parts.
        singers: Name of the singer -> takes of dry singing.
        vowels: Sustained sung vowels.
        phrases: Recordings for the ``other`` stem.
        loops: Drum loops.
        stems: Folders of finished songs with ``drums``, ``bass``, ``other`` and perhaps ``vocals``.
        fonts: Soundfonts.
        kits: Folders of Hydrogen drum kits.
        presets: Synthesiser presets that lmms plays.
        voices: Voices of speech synthesisers.
        split: The split.
        cache: Folder for analysed singing; ``None`` analyses it anew in every process.
    """

    grooves: tuple[Groove, ...] = ()
    songs: tuple[MaterialFile, ...] = ()
    singers: Mapping[str, tuple[MaterialFile, ...]] = field(default_factory=dict)
    vowels: tuple[VowelFile, ...] = ()
    phrases: tuple[MaterialFile, ...] = ()
    loops: tuple[MaterialFile, ...] = ()
    stems: tuple[MaterialFile, ...] = ()
    fonts: tuple[Soundfont, ...] = ()
    kits: tuple[Path, ...] = ()
    presets: tuple[Preset, ...] = ()
    voices: tuple[SpeechVoice, ...] = ()
    split: Split = "train"
    cache: Path | None = None

    @classmethod
    def open(
        cls,
        folder: Path | None,
        *,
        manifest: Path | None = None,
        split: Split = "train",
        cache: Path | None = None,
    ) -> Library:
        """Index a material folder and the installed instruments.

        Args:
            folder: The material. ``None``: installed instruments and voices, and synthesis.
            manifest: Describes the material. Default: ``songbook.toml`` in the folder, or, where there is none, the
                default layout.
            split: The split to index.
            cache: Folder for analysed singing.

        Raises:
            ConfigError: The folder does not exist or holds nothing for the split, the manifest is invalid, or one of
                its collections matches no file.
        """
        if folder is None:
            if manifest:
                raise ConfigError(f"{manifest}: a manifest needs the folder that it describes; pass it as data")
            return _installed(load_manifest(), Path(), split, cache)
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder; pass a folder of MIDI files and recordings")
        if manifest is None and (folder / FILE_NAME).is_file():
            manifest = folder / FILE_NAME
        described = load_manifest(manifest)
        library = _add_material(_installed(described, folder, split, cache), described, folder)
        kinds = (library.grooves, library.songs, library.singers, library.vowels, library.phrases, library.loops)
        if not any((*kinds, library.stems)):
            raise ConfigError(
                f"{folder} holds no material for the split {split!r}; "
                + ("name what it holds out (valid = [...])" if split == "valid" else "add MIDI files, or describe it")
                + f" in {manifest or folder / FILE_NAME}"
            )
        if described.collection != load_manifest().collection:
            _check_matches(described, manifest, folder)
        return library


def _installed(manifest: Manifest, base: Path, split: Split, cache: Path | None) -> Library:
    """Index the instruments and voices of this machine; relative folders are below ``base``."""

    def chosen(name: str, valid: tuple[str, ...]) -> bool:
        return matches(name, valid) == (split == "valid")

    def is_valid(preset: Preset) -> bool:
        return zlib.crc32(preset.path.name.encode()) % manifest.presets.valid_every == 0

    fonts, kits, presets = manifest.soundfonts, manifest.kits, manifest.presets
    found = find_soundfonts([base / name for name in fonts.folders], fonts.drums_only, fonts.licences)
    playable = found if shutil.which("fluidsynth") else []
    return Library(
        fonts=tuple(font for font in playable if chosen(font.path.stem, fonts.valid)),
        kits=tuple(kit for kit in find_kits([base / name for name in kits.folders]) if chosen(kit.name, kits.valid)),
        presets=tuple(
            preset
            for preset in find_presets([base / name for name in presets.folders], presets.licence)
            if is_valid(preset) == (split == "valid")
        ),
        voices=tuple(
            voice
            for group in manifest.voices
            for voice in find_voices(
                group.engine, group.names, group.licence, base / group.requires if group.requires else None
            )
            if chosen(voice.name, group.valid)
        ),
        split=split,
        cache=cache,
    )


def _add_material(library: Library, manifest: Manifest, folder: Path) -> Library:
    """Add the files of the material folder that belong to the library's split."""
    valid = library.split == "valid"
    tables = [(path, of) for path, of in _files(manifest, folder, "grooves")]
    played = [path.parent for path, _ in tables]  # performances are not songs, whatever the patterns match
    singers: dict[str, list[MaterialFile]] = {}
    for path, of in _files(manifest, folder, "singers"):
        name = _singer(path, of)
        if matches(name, of.valid) == valid:
            singers.setdefault(name, []).append(MaterialFile(path, of.licence or licence(path)))

    def mine(kind: str) -> Iterable[tuple[Path, Collection]]:
        return ((path, of) for path, of in _files(manifest, folder, kind) if matches(path.stem, of.valid) == valid)

    def material(kind: str) -> tuple[MaterialFile, ...]:
        return tuple(MaterialFile(path, of.licence or licence(path)) for path, of in mine(kind))

    folders = {path.parent: (path, of) for path, of in _files(manifest, folder, "stems")}
    return replace(
        library,
        grooves=tuple(groove for path, of in tables for groove in _read_table(path, of, library.split)),
        songs=tuple(song for song in material("songs") if not any(song.path.is_relative_to(drums) for drums in played)),
        singers={name: tuple(takes) for name, takes in singers.items()},
        vowels=tuple(
            VowelFile(
                path,
                of.licence or licence(path),
                singer=_singer(path, of),
                choir=matches(path.stem, of.choirs),
                female=matches(path.stem, of.female),
            )
            for path, of in mine("vowels")
        ),
        phrases=material("phrases"),
        loops=material("loops"),
        stems=tuple(
            MaterialFile(song, of.licence or licence(path))
            for song, (path, of) in folders.items()
            if matches(song.name, of.valid) == valid
        ),
    )


def _files(manifest: Manifest, folder: Path, kind: str) -> list[tuple[Path, Collection]]:
    """List the files of a kind in order of their paths, each with the first collection that matches it.

    Raises:
        ConfigError: A pattern is invalid.
    """
    found: dict[Path, Collection] = {}
    for of in manifest.collection:
        if of.kind == kind:
            for pattern in of.files:
                for path in _glob(folder, pattern):
                    found.setdefault(path, of)
    return sorted(found.items(), key=lambda item: item[0])


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return [path for path in folder.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(f"collection.files: {pattern!r} is no pattern relative to {folder} ({error})") from error


def _check_matches(manifest: Manifest, path: Path | None, folder: Path) -> None:
    for index, of in enumerate(manifest.collection):
        for pattern in of.files:
            if not _glob(folder, pattern):
                raise ConfigError(f"{path}: collection.{index}.files: {pattern!r} matches no file in {folder}")


def _singer(path: Path, of: Collection) -> str:
    return of.singer.replace("{file}", path.stem).replace("{folder}", folder_name(path.parent))


def _read_table(table: Path, of: Collection, split: Split) -> list[Groove]:
    """Read the performances of a split from an ``info.csv`` like that of the Groove MIDI data set.

    Raises:
        ConfigError: The table cannot be read, or lacks a column.
    """
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            return [
                Groove(path := table.parent / row["midi_filename"], of.licence or licence(path), float(row["bpm"]))
                for row in csv.DictReader(lines)
                if row["split"] == _SPLIT_IN_TABLE[split]
                and row["time_signature"] == "4-4"
                and float(row["duration"]) >= _SHORTEST_GROOVE
            ]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        raise ConfigError(f"{table}: cannot be read as a table of grooves: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{table}: the column {error} is missing; see the Groove MIDI data set's info.csv") from error
