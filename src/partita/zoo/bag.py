"""Bags: several models whose stems are averaged, with a weight for each model and source.

A bag is a folder with a ``bag.toml``. Its members are packages of their own, installed beside it, so that bags can
share them. Only members with a weight for a wanted source need to be installed and run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partita.errors import ConfigError, ModelError
from partita.models.configurations.base import ModelConfig
from partita.system.names import check_plain_name, check_plain_names
from partita.system.schema import build_checked
from partita.system.toml import read_toml
from partita.zoo.card import Card
from partita.zoo.package import Package, open_package

__all__ = ["BAG_NAME", "Bag", "Member", "open_bag", "write_bag"]

BAG_NAME = "bag.toml"

_LARGEST_BAG = 2**20  # bytes
_LARGEST_WEIGHT = 1e6
_LONGEST_SEGMENT = 3600  # seconds


@dataclass(frozen=True)
class _Entry:
    """A member as the file states it."""

    model: str
    weights: tuple[float, ...]


@dataclass(frozen=True)
class _Facts:
    """The content of the file."""

    name: str
    description: str
    licence: str
    sources: tuple[str, ...]
    audio_channels: int
    sample_rate: int
    members: tuple[_Entry, ...] = ()
    segment: float | None = None

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        check_plain_name("name", self.name)
        check_plain_names("sources", self.sources)
        check_plain_names("members", tuple(entry.model for entry in self.members))
        ModelConfig(self.sources, self.audio_channels, self.sample_rate)
        if self.segment is not None and not 1 / self.sample_rate <= self.segment <= _LONGEST_SEGMENT:
            raise ConfigError(f"segment: must be a sample to {_LONGEST_SEGMENT} s, not {self.segment:g} s")


@dataclass(frozen=True)
class Member:
    """A model of a bag.

    Attributes:
        folder: The folder of its package, which may not be installed.
        weights: Its share of each source of the bag; the shares of all members add up to 1 for every source.
    """

    folder: Path
    weights: tuple[float, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return self.folder.is_dir()


@dataclass(frozen=True)
class Bag:
    """Several models whose stems are averaged.

    Attributes:
        folder: Its folder.
        name: Its name.
        description: One sentence.
        licence: Licence of the weights of its members.
        sources: Names of the stems, those of every member.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate of both, in Hz.
        segment: Default length of a window in seconds, None for that of each member.
        members: The models.
    """

    folder: Path
    name: str
    description: str
    licence: str
    sources: tuple[str, ...]
    audio_channels: int
    sample_rate: int
    segment: float | None
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Total size of the installed members in bytes."""
        return sum(path.lstat().st_size for member in self.members for path in member.folder.glob("*"))

    def needed(self, stems: Collection[str]) -> list[Member]:
        """Return the members that have a share of any of these stems.

        Raises:
            ConfigError: The bag has no such stem.
        """
        for stem in stems:
            if stem not in self.sources:
                raise ConfigError(f"stems: {self.name} has no {stem!r}; it has {', '.join(self.sources)}")
        wanted = [self.sources.index(stem) for stem in stems]
        return [member for member in self.members if any(member.weights[index] for index in wanted)]

    def open(self, member: Member) -> Package:
        """Open the package of a member.

        Raises:
            ModelError: It is not installed or is damaged, or its sources or its sample rate are not those of the bag.
        """
        if not member.installed:
            raise ModelError(
                f"{self.name}: its member {member.name} is not installed; get it with partita models get {self.name}"
            )
        package = open_package(member.folder)
        if _audio(package.card) != _audio(self):
            raise ModelError(
                f"{self.folder / BAG_NAME}: {member.name} has other sources or another sample rate than the bag"
            )
        return package


def open_bag(folder: Path) -> Bag:
    """Open a bag; its members are opened when they are needed.

    Raises:
        ModelError: The bag is invalid.
    """
    path = folder / BAG_NAME
    try:
        facts = build_checked(_Facts, read_toml(path, _LARGEST_BAG))
    except ConfigError as error:
        reason = str(error)
        raise ModelError(reason if reason.startswith(str(path)) else f"{path}: {reason}") from error
    weights = {entry.model: entry.weights for entry in facts.members}
    shares = _shares(path, facts.sources, weights)
    members = tuple(Member(folder.parent / member, share) for member, share in shares.items())
    return Bag(
        folder,
        facts.name,
        facts.description,
        facts.licence,
        facts.sources,
        facts.audio_channels,
        facts.sample_rate,
        facts.segment,
        members,
    )


def write_bag(
    folder: Path,
    *,
    name: str,
    description: str,
    licence: str,
    like: Card,
    members: Sequence[str],
    weights: Sequence[Sequence[float]],
    segment: float | None = None,
) -> None:
    """Write a bag.

    Args:
        folder: Its folder, which exists.
        name: Its name.
        description: One sentence.
        licence: Licence of the weights of its members.
        like: The card of any member; all have the same sources, channels and sample rate.
        members: Names of the packages, folders beside ``folder``.
        weights: For each member one weight for each source; they need not add up to 1.
        segment: Default length of a window in seconds, None for that of each member.
    """
    import tomli_w

    facts: dict[str, Any] = {"name": name, "description": description, "licence": licence}
    facts |= {"sources": like.sources, "audio_channels": like.audio_channels, "sample_rate": like.sample_rate}
    if segment is not None:
        facts["segment"] = segment
    facts["members"] = [
        {"model": member, "weights": [float(w) for w in share]} for member, share in zip(members, weights, strict=True)
    ]
    (folder / BAG_NAME).write_text(tomli_w.dumps(facts), encoding="utf-8")


def _audio(facts: Card | Bag) -> tuple[tuple[str, ...], int, int]:
    return facts.sources, facts.audio_channels, facts.sample_rate


def _shares(
    path: Path, sources: tuple[str, ...], weights: dict[str, tuple[float, ...]]
) -> dict[str, tuple[float, ...]]:
    """Return the weights of each member, scaled to add up to 1 for every source."""
    if not weights or not sources:
        raise ModelError(f"{path}: a bag without {'sources' if weights else 'members'}")
    for name, given in weights.items():
        if len(given) != len(sources) or not all(0 <= weight <= _LARGEST_WEIGHT for weight in given):
            raise ModelError(f"{path}: {name} needs one weight from 0 to {_LARGEST_WEIGHT:.0e} for each source")
    totals = [sum(column) for column in zip(*weights.values(), strict=True)]
    if not all(totals):
        raise ModelError(f"{path}: a source has no model, all its weights are 0")
    return {
        name: tuple(weight / total for weight, total in zip(given, totals, strict=True))
        for name, given in weights.items()
    }
