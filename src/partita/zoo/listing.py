"""What models there are: embedded, installed and available ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partita.errors import ModelError
from partita.zoo.bag import BAG_NAME, open_bag
from partita.zoo.card import Card, read_card
from partita.zoo.package import Package
from partita.zoo.published import PublishedFile, PublishedModel, published_models
from partita.zoo.registry import embedded_names, installed_names, model_folder

__all__ = ["ModelInfo", "list_models"]

Status = Literal["embedded", "installed", "incomplete", "damaged", "available"]


@dataclass(frozen=True)
class ModelInfo:
    """A model by its name.

    Attributes:
        name: Its name.
        status: ``embedded``: ships with partita. ``installed``: was downloaded, imported or put there. ``incomplete``:
            a bag of which some members are not installed yet. ``damaged``: cannot be used; the description says
            why. ``available``: can be downloaded.
        description: One sentence.
        licence: Licence of the weights.
        sources: Names of the stems.
        size: Size of the files in bytes, of an available model that of the download; None if it is not known.
        card: Its card, if it is here and not a bag.
        members: Names of the members of a bag.
        files: The files of an available model.
    """

    name: str
    status: Status
    description: str
    licence: str = ""
    sources: tuple[str, ...] = ()
    size: int | None = None
    card: Card | None = None
    members: tuple[str, ...] = ()
    files: tuple[PublishedFile, ...] = ()


def list_models() -> list[ModelInfo]:
    """Return all models: those that ship with partita, those that are installed, those that can be downloaded.

    Cards are read, but the weights are not checked; opening a model checks them.
    """
    present = [_present(name, "embedded") for name in embedded_names()]
    present += [_present(name, "installed") for name in installed_names()]
    names = {model.name for model in present}
    return present + [_available(model) for name, model in published_models().items() if name not in names]


def _present(name: str, status: Status) -> ModelInfo:
    folder = model_folder(name)
    try:
        if (folder / BAG_NAME).is_file():
            bag = open_bag(folder)
            if not all(member.installed for member in bag.members):
                status = "incomplete"
            members = tuple(member.name for member in bag.members)
            return ModelInfo(name, status, bag.description, bag.licence, bag.sources, bag.size, members=members)
        card = read_card(folder)
        return ModelInfo(name, status, card.description, card.licence, card.sources, Package(folder, card).size, card)
    except (ModelError, OSError) as error:
        return ModelInfo(name, "damaged", str(error))


def _available(model: PublishedModel) -> ModelInfo:
    return ModelInfo(
        model.name,
        "available",
        model.description,
        model.licence,
        model.sources,
        model.size,
        members=tuple(member.name for member in model.members),
        files=model.all_files,
    )
