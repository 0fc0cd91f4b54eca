"""Models by their names, as ``demucs.pretrained``."""

from __future__ import annotations

from pathlib import Path

from partita.compat.demucs.models import BagOfModels, Model, wrap
from partita.compat.demucs.repo import find, signatures
from partita.errors import ModelError, PartitaError
from partita.zoo import Bag

__all__ = ["DEFAULT_MODEL", "SOURCES", "ModelLoadingError", "get_model"]

DEFAULT_MODEL = "htdemucs"
SOURCES = ["drums", "bass", "other", "vocals"]


class ModelLoadingError(ModelError, RuntimeError):
    """A model cannot be loaded."""


def get_model(name: str, repo: str | Path | None = None) -> BagOfModels | Model:
    """Return a model; one that is published but not installed is downloaded unless ``PARTITA_OFFLINE`` is set.

    Args:
        name: Name of a published or installed model, folder of a model package, or signature of a published model.
        repo: Folder of ``.th`` checkpoints and bags in which the name is looked up instead.

    Returns:
        A bag, of one model where the name is that of a single one; the model itself for a signature.

    Raises:
        ModelLoadingError: There is no such model, or it cannot be downloaded or read.
    """
    try:
        found = find(name, repo)
        if isinstance(found, Bag):
            models = [wrap(found.open(member)) for member in found.members]
            return BagOfModels(models, [member.weights for member in found.members], found.segment)
    except PartitaError as error:
        raise ModelLoadingError(str(error)) from error
    model = wrap(found)
    return model if repo is not None or name in signatures() else BagOfModels([model])
