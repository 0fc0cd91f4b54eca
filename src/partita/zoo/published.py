"""Models that others have published: names, files and licences, from ``published.toml``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from partita.errors import ConfigError, ModelError
from partita.system.toml import read_toml
from partita.zoo.download import source_of

__all__ = ["PublishedFile", "PublishedModel", "published_model", "published_models"]

_TABLE = Path(__file__).with_name("published.toml")
_SOURCES = ("drums", "bass", "other", "vocals")  # of nearly all models


@dataclass(frozen=True)
class PublishedFile:
    """A file on a server.

    Attributes:
        url: Where it is.
        sha256: Its sha256 in hexadecimal, or the digits of it that were published.
        size: Its size in bytes if known; computed from the number of weights.
    """

    url: str
    sha256: str
    size: int | None = None

    @property
    def name(self) -> str:
        """Its name on the server."""
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True)
class PublishedModel:
    """A model or a bag that can be downloaded.

    Attributes:
        name: Its name.
        description: One sentence.
        licence: What the publisher says about the weights.
        sources: Names of the stems.
        files: The files of a model.
        members: The models of a bag.
        weights: For each member one weight for each source.
        segment: Length of a window in seconds where the publisher chose it for the name.
    """

    name: str
    description: str
    licence: str
    sources: tuple[str, ...] = _SOURCES
    files: tuple[PublishedFile, ...] = ()
    members: tuple[PublishedModel, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    segment: float | None = None

    @property
    def all_files(self) -> tuple[PublishedFile, ...]:
        """Its files and those of its members."""
        return self.files + tuple(file for member in self.members for file in member.all_files)

    @property
    def size(self) -> int | None:
        """Size of the download in bytes, None if it is not known."""
        return _total(self.all_files)

    def needed(self, stems: Collection[str]) -> tuple[PublishedModel, ...]:
        """Return the members of a bag that have a weight for any of these stems.

        Raises:
            ConfigError: The bag has no such stem.
        """
        for stem in stems:
            if stem not in self.sources:
                raise ConfigError(f"stems: {self.name} separates {', '.join(self.sources)}, not {stem!r}")
        if not self.weights:
            return self.members
        wanted = [self.sources.index(stem) for stem in stems]
        shares = zip(self.members, self.weights, strict=True)
        return tuple(member for member, weights in shares if any(weights[index] for index in wanted))

    def announcement(self, members: Sequence[PublishedModel] | None = None) -> str:
        """Return what to tell the user before the download: size, server, checks, licence.

        Args:
            members: The members of a bag that are downloaded; all by default.
        """
        files = self.all_files if members is None else [file for member in members for file in member.files]
        size = _total(files)
        amount = f"about {size / 1e6:.0f} MB" if size else "of unknown size"
        of_all = (
            f", {len(members)} of {len(self.members)} models" if members and len(members) < len(self.members) else ""
        )
        hosts = sorted({urlsplit(source_of(file.url)).hostname or "the mirror" for file in files})
        partial = any(len(file.sha256) < 64 for file in files)
        check = "checked by the 8 published digits of the sha256" if partial else "checked by sha256"
        return f"{self.name}: {amount}{of_all} from {', '.join(hosts)}, {check}; licence: {self.licence}"


def _total(files: Iterable[PublishedFile]) -> int | None:
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size for size in sizes if size is not None)


@cache
def published_models() -> dict[str, PublishedModel]:
    """Return all published models by name, without the members of bags."""
    facts = read_toml(_TABLE)
    known = {key: PublishedFile(**entry) for key, entry in facts["files"].items()}
    models = {}
    for name, entry in facts["models"].items():
        licence = facts["licences"][entry["licence"]]
        segment, sources = entry.get("segment"), tuple(entry.get("sources", _SOURCES))
        members = tuple(
            PublishedModel(key, f"a member of {name}", licence, sources, (known[key],), segment=segment)
            for key in entry.get("members", ())
        )
        models[name] = PublishedModel(
            name,
            entry["description"],
            licence,
            sources,
            tuple(known[key] for key in entry.get("files", ())),
            members,
            tuple(tuple(map(float, weights)) for weights in entry.get("weights", ())),
            segment,
        )
    return models


def published_model(name: str) -> PublishedModel:
    """Return a published model by its name, or the member of a bag by its signature.

    Raises:
        ModelError: The name was used twice.
        KeyError: There is none.
    """
    models = published_models()
    if name in models:
        return models[name]
    for model in models.values():
        for member in model.members:
            if member.name == name:
                return member
    years = [f"{name}-{year}" for year in (2019, 2021) if f"{name}-{year}" in models]
    if years:
        raise ModelError(f"{name!r} names two different models; choose {' or '.join(years)}")
    raise KeyError(name)
