"""Bags: several models whose stems are averaged, with a weight for each model and source.

A bag is a folder with a ``bag.toml``. Its members are packages of their own, installed beside it, so that bags can
share them. Only members with a weight for a wanted source need to run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partita.errors import ConfigError, ModelError
from partita.system.toml import read_toml
from partita.zoo.package import Package, open_package

__all__ = ["BAG_NAME", "Bag", "Member", "open_bag", "write_bag"]

BAG_NAME = "bag.toml"


@dataclass(frozen=True)
class Member:
    """A model of a bag.

    Attributes:
        package: Its package.
        weights: Its share of each source of the bag; the shares of all members add up to 1 for every source.
    """

    package: Package
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Bag:
    """Several models that are run one after another.

    Attributes:
        folder: Its folder.
        name: Its name.
        description: One sentence.
        licence: Licence of the weights of its members.
        sources: Names of the stems, those of every member.
        segment: Default length of a window in seconds, None for that of each member.
        members: The models.
    """

    folder: Path
    name: str
    description: str
    licence: str
    sources: tuple[str, ...]
    segment: float | None
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Total size of the members in bytes."""
        return sum(member.package.size for member in self.members)

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


def open_bag(folder: Path) -> Bag:
    """Open a bag and the packages of its members, which are folders beside it.

    Raises:
        ModelError: The bag is invalid, or a member is missing or damaged, or members have different sources.
    """
    path = folder / BAG_NAME
    try:
        facts = read_toml(path)
        entries = [(str(entry["model"]), [float(w) for w in entry["weights"]]) for entry in facts["members"]]
        names = [str(facts[key]) for key in ("name", "description", "licence")]
        segment = float(facts["segment"]) if "segment" in facts else None
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ConfigError) else f"{path}: not a complete bag: {error}"
        raise ModelError(reason) from error
    packages = []
    for member, _ in entries:
        if Path(member).name != member or not (folder.parent / member).is_dir():
            raise ModelError(f"{path}: its member {member!r} is not installed; get the bag again")
        packages.append(open_package(folder.parent / member))
    weights = _shares(path, [weights for _, weights in entries], packages)
    members = tuple(Member(package, tuple(share)) for package, share in zip(packages, weights, strict=True))
    return Bag(folder, names[0], names[1], names[2], packages[0].card.sources, segment, members)


def write_bag(
    folder: Path,
    *,
    name: str,
    description: str,
    licence: str,
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
        members: Names of the packages, folders beside ``folder``.
        weights: For each member one weight for each source; they need not add up to 1.
        segment: Default length of a window in seconds, None for that of each member.
    """
    import tomli_w

    facts: dict[str, Any] = {"name": name, "description": description, "licence": licence}
    if segment is not None:
        facts["segment"] = segment
    facts["members"] = [
        {"model": member, "weights": [float(w) for w in share]} for member, share in zip(members, weights, strict=True)
    ]
    (folder / BAG_NAME).write_text(tomli_w.dumps(facts), encoding="utf-8")


def _shares(path: Path, weights: list[list[float]], packages: list[Package]) -> list[list[float]]:
    """Return the weights, scaled to add up to 1 for every source."""
    if not packages:
        raise ModelError(f"{path}: a bag without members")
    card = packages[0].card
    for package, given in zip(packages, weights, strict=True):
        if (package.card.sources, package.card.sample_rate) != (card.sources, card.sample_rate):
            raise ModelError(f"{path}: {package.card.name} has other sources or another sample rate than {card.name}")
        if len(given) != len(card.sources) or min(given) < 0:
            raise ModelError(f"{path}: {package.card.name} needs one weight of at least 0 for each source")
    totals = [sum(column) for column in zip(*weights, strict=True)]
    if not all(totals):
        raise ModelError(f"{path}: a source has no model, all its weights are 0")
    return [[weight / total for weight, total in zip(given, totals, strict=True)] for given in weights]
