"""The manifest of a material folder: what its files are, their licences, and what the valid split holds out."""

from __future__ import annotations

from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from partita.errors import ConfigError
from partita.system.toml import explain_invalid, parse_toml, read_toml

__all__ = ["FILE_NAME", "Collection", "Kits", "Manifest", "Presets", "Soundfonts", "Voices", "load_manifest", "matches"]

FILE_NAME = "songbook.toml"
_DEFAULT = "default.toml"

Kind = Literal["songs", "grooves", "singers", "vowels", "phrases", "loops", "stems"]
_FIELDS_OF_KIND = {"singer": ("singers", "vowels"), "choirs": ("vowels",), "female": ("vowels",)}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Collection(_Table):
    """Files of one kind.

    Attributes:
        kind: ``songs`` (MIDI songs), ``grooves`` (tables of MIDI drum performances), ``singers`` (dry singing),
            ``vowels`` (sustained sung vowels), ``phrases`` (recordings for ``other``), ``loops`` (drum loops) or
            ``stems`` (finished songs; any of their stem files selects the folder it is in).
        files: Glob patterns relative to the material folder.
        licence: Licence of the files. Default: what the folder of each file states.
        valid: Patterns of the names that only the valid split uses: file names without the extension, names of
            singers, or folder names of stems. Grooves are divided by their table instead.
        singer: Name of the singer; ``{file}`` stands for the file name without the extension, ``{folder}`` for the
            name of the folder without a licence at its end.
        choirs: Patterns of the file names of vowels that are sung by several voices.
        female: Patterns of the file names of vowels that are sung by women.
    """

    kind: Kind
    files: tuple[str, ...] = Field(min_length=1)
    licence: str | None = None
    valid: tuple[str, ...] = ()
    singer: str = "{folder}"
    choirs: tuple[str, ...] = ()
    female: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Collection:
        for name, kinds in _FIELDS_OF_KIND.items():
            if name in self.model_fields_set and self.kind not in kinds:
                raise ValueError(f"{name} is only for {' and '.join(kinds)}, not for {self.kind}; remove it")
        if self.kind == "grooves" and self.valid:
            raise ValueError("grooves are divided by the column split of their table; remove valid")
        return self


class Soundfonts(_Table):
    """Installed soundfonts.

    Attributes:
        folders: Folders of ``.sf2`` and ``.sf3`` files.
        drums_only: Patterns of the names of soundfonts that hold a single kit in bank 0, program 0.
        licences: Pattern of names -> licence.
        valid: Patterns of the names that only the valid split uses.
    """

    folders: tuple[str, ...] = ()
    drums_only: tuple[str, ...] = ()
    licences: dict[str, str] = {}
    valid: tuple[str, ...] = ()


class Kits(_Table):
    """Installed Hydrogen drum kits.

    Attributes:
        folders: Folders that hold a folder for each kit.
        valid: Patterns of the names that only the valid split uses.
    """

    folders: tuple[str, ...] = ()
    valid: tuple[str, ...] = ()


class Presets(_Table):
    """Installed presets of LMMS and ZynAddSubFX.

    Attributes:
        folders: Folders searched for ``.xpf`` and ``.xiz`` files, at any depth.
        licence: Licence of all presets.
        valid_every: One preset in this many, chosen by a checksum of its file name, is for the valid split.
    """

    folders: tuple[str, ...] = ()
    licence: str = "not stated"
    valid_every: int = Field(10, ge=2)


class Voices(_Table):
    """Voices of one speech synthesiser.

    Attributes:
        engine: The program.
        names: Names of the voices in it.
        licence: Licence of the program or the voices.
        requires: A path that exists where the voices are installed; by default the program is enough.
        valid: Patterns of the names that only the valid split uses.
    """

    engine: Literal["espeak-ng", "flite", "text2wave"]
    names: tuple[str, ...]
    licence: str = "not stated"
    requires: str | None = None
    valid: tuple[str, ...] = ()


class Manifest(_Table):
    """A whole manifest. Paths and patterns are relative to the material folder.

    Attributes:
        collection: Files of the material folder; a file belongs to the first collection of its kind that matches it.
        soundfonts: Installed soundfonts.
        kits: Installed drum kits.
        presets: Installed presets.
        voices: Installed speech synthesisers' voices.
    """

    collection: tuple[Collection, ...]
    soundfonts: Soundfonts
    kits: Kits
    presets: Presets
    voices: tuple[Voices, ...]


def load_manifest(path: Path | None = None) -> Manifest:
    """Read a manifest; the default manifest supplies the top-level tables that it leaves out.

    Args:
        path: The TOML file. ``None`` returns the default manifest.

    Raises:
        ConfigError: The file cannot be read, or a field is invalid.
    """
    default = (files("partita_songbook") / _DEFAULT).read_text(encoding="utf-8")
    tables = parse_toml(default, _DEFAULT) | (read_toml(path) if path else {})
    try:
        return Manifest.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain_invalid(error, Manifest)}") from error


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name matches any of the patterns (``*``, ``?`` and ``[...]``, case-sensitive)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
