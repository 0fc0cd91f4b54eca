"""Getting published models by their names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from partita.errors import ModelError, OutputError
from partita.system.atomic import atomic_path
from partita.zoo.bag import Bag, open_bag, write_bag
from partita.zoo.card import read_card
from partita.zoo.download import Progress, download
from partita.zoo.home import downloads_folder, models_folder
from partita.zoo.imports import check_importable, import_checkpoint
from partita.zoo.package import Package
from partita.zoo.published import PublishedModel, published_model, published_models
from partita.zoo.registry import find_model, installed_names, is_present

__all__ = ["get_model"]


def get_model(
    name: str,
    *,
    stems: Callable[[tuple[str, ...]], Collection[str]] | None = None,
    offline: bool = False,
    announce: Callable[[str], None] | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> Package | Bag:
    """Return a model that is here; download and import a published one that is not.

    Args:
        name: A name that :func:`published_models` has, or the name or folder of an installed model.
        stems: Is called with the sources of the model, before anything is downloaded, and returns the stems that are
            wanted. Of a bag, only the members that they need are downloaded. By default, all are.
        offline: Do not download.
        announce: Is called with one line about size and licence before a download starts.
        progress: Is called with the name of each file and returns what is called with its progress.

    Raises:
        ModelError: The name is unknown, the file cannot be reached or is damaged, torch is not installed, or the model
            is not installed and ``offline`` is set.
        OutputError: The model cannot be written.
        PartitaError: Whatever ``stems`` raises.
    """
    if is_present(name):
        present = find_model(name)
        wanted = _wanted(stems, present.card.sources if isinstance(present, Package) else present.sources)
        published = published_models().get(name) if isinstance(present, Bag) else None
        if published is None:
            return present
    else:
        try:
            published = published_model(name)
        except KeyError:
            return find_model(name)  # which says what is known
        wanted = _wanted(stems, published.sources)
    needed = published.needed(wanted) if published.members else (published,)
    missing = [model for model in needed if model.name not in installed_names()]
    if missing and offline:
        names = ", ".join(model.name for model in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise ModelError(
            f"{name}: {names} {verb} not installed, and downloads are off; get it with partita models get {name}"
        )
    if missing:
        check_importable()
        if announce:
            announce(published.announcement(missing))
    packages = [_install(model, progress) for model in missing]
    return _bag(published, needed) if published.members else packages[0]


def _wanted(stems: Callable[[tuple[str, ...]], Collection[str]] | None, sources: tuple[str, ...]) -> Collection[str]:
    return stems(sources) if stems else sources


def _install(model: PublishedModel, progress: Callable[[str], Progress] | None) -> Package:
    paths = []
    for file in model.files:
        report = progress(file.name) if progress else None
        paths.append(download(file.url, downloads_folder() / file.name, sha256=file.sha256, progress=report))
    package = import_checkpoint(
        paths[0] if len(paths) == 1 else paths,
        model.name,
        description=model.description,
        licence=model.licence,
        segment=model.segment,
        origin=", ".join(file.url for file in model.files),
    )
    for path in paths:
        with suppress(OSError):
            path.unlink()
    return package


def _bag(model: PublishedModel, installed: Sequence[PublishedModel]) -> Bag:
    """Return a bag, some of whose members are installed; it is written unless it is there."""
    folder = models_folder() / model.name
    if model.name not in installed_names():
        try:
            with atomic_path(folder) as partial:
                partial.mkdir()
                write_bag(
                    partial,
                    name=model.name,
                    description=model.description,
                    licence=model.licence,
                    like=read_card(models_folder() / installed[0].name),
                    members=[member.name for member in model.members],
                    weights=model.weights or [[1.0] * len(model.sources)] * len(model.members),
                    segment=model.segment,
                )
        except OutputError:
            if model.name not in installed_names():  # unless another process was faster
                raise
    return open_bag(folder)
