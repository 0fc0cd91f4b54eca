"""Models by the names that demucs has for them; nothing here needs torch."""

from __future__ import annotations

import ast
import math
import os
import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from partita.errors import ModelError
from partita.zoo import Bag, Package, find_package
from partita.zoo.bag import Member
from partita.zoo.get import get_model
from partita.zoo.imports import import_checkpoint
from partita.zoo.package import file_sha256
from partita.zoo.published import published_models
from partita.zoo.registry import installed_names

__all__ = ["LocalRepo", "Stems", "find", "longest_segment", "offline", "signatures"]

Stems = Callable[[tuple[str, ...]], Collection[str]]  # from the sources of a model to the stems that are wanted


def find(name: str, repo: str | Path | None = None, stems: Stems | None = None) -> Package | Bag:
    """Return a model; one that is published but not installed is downloaded unless ``PARTITA_OFFLINE`` is set.

    Args:
        name: Name of a published or installed model, folder of a model package, or signature of a published model.
        repo: Folder of ``.th`` checkpoints and bags in which the name is looked up instead.
        stems: Returns the stems that are wanted, so that no other members of a bag are downloaded; by default all.

    Raises:
        ModelError: There is no such model, or it cannot be downloaded or read.
    """
    if repo is not None:
        return LocalRepo(repo).get(name)
    return get_model(published_name(name), stems=stems, offline=offline(), announce=_announce)


def published_name(name: str) -> str:
    """Return the name of the published model that has this signature, otherwise the name itself."""
    if name in installed_names():
        return name
    for model in published_models().values():
        if [_signature(file.name) for file in model.files] == [name]:
            return model.name
    return name


def signatures() -> dict[str, str]:
    """Return the URLs of the published models of demucs 3 and 4 by their signatures."""
    files = [file for model in published_models().values() for file in model.all_files]
    return {_signature(file.name): file.url for file in files if re.fullmatch("[0-9a-f]{8}", _signature(file.name))}


def longest_segment(model: Package | Bag) -> float:
    """Return the longest window in seconds that a model accepts; only transformers have a limit."""
    packages = [model] if isinstance(model, Package) else [model.open(one) for one in model.members if one.installed]
    cards = [package.card for package in packages if package.card.architecture == "hybrid-transformer-demucs"]
    return min((card.segment for card in cards), default=math.inf)


def offline() -> bool:
    """Return whether downloads are off."""
    return os.environ.get("PARTITA_OFFLINE", "").lower() not in ("", "0", "false", "no", "off")


class LocalRepo:
    """A folder of checkpoints ``SIGNATURE.th`` or ``SIGNATURE-CHECKSUM.th`` and of bags ``NAME.yaml``.

    A checkpoint becomes an installed package when it is first used; it is never executed.

    Args:
        root: The folder.

    Attributes:
        models: The checkpoints by signature.
        bags: The bags by name.

    Raises:
        ModelError: It is not a folder, or two of its checkpoints have the same signature.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        if not self._root.is_dir():
            raise ModelError(f"{root}: not a folder; give one that contains .th files")
        self.bags = {path.stem: path for path in sorted(self._root.glob("*.yaml"))}
        self.models: dict[str, Path] = {}
        for path in sorted(self._root.glob("*.th")):
            signature = _signature(path.stem)
            if signature in self.models:
                raise ModelError(f"{root}: two files have the signature {signature!r}; keep one of them")
            self.models[signature] = path

    def get(self, name: str) -> Package | Bag:
        """Return a model by its signature or a bag by its name.

        Raises:
            ModelError: There is no such model, or a file is damaged.
        """
        if name in self.models or name not in self.bags:
            return self._package(name)
        path = self.bags[name]
        try:
            facts = _read_bag(path.read_text(encoding="utf-8"))
            packages = [self._package(str(signature)) for signature in facts["models"]]
            card = packages[0].card
            shares = np.ones((len(packages), len(card.sources)))
            shares[:] = np.array(facts.get("weights") or shares, float).reshape(shares.shape)
            segment = facts.get("segment")
            return Bag(
                folder=path.parent,
                name=name,
                description=f"the bag {path.name}",
                licence=card.licence,
                sources=card.sources,
                audio_channels=card.audio_channels,
                sample_rate=card.sample_rate,
                segment=None if segment is None else float(segment),
                members=tuple(
                    Member(package.folder, tuple(row))
                    for package, row in zip(packages, (shares / shares.sum(0)).tolist(), strict=True)
                ),
            )
        except (OSError, ValueError, SyntaxError, TypeError, LookupError) as error:
            raise ModelError(f"{path}: not a bag of models: {error}") from error

    def _package(self, signature: str) -> Package:
        """Return the package of a checkpoint; import it if that has not been done."""
        if signature not in self.models:
            known = ", ".join(sorted([*self.models, *self.bags])) or "no model"
            raise ModelError(f"{signature!r}: no such model in {self._root}, which contains {known}")
        path = self.models[signature]
        name = f"{signature}-{file_sha256(path)[:8]}"  # another file of the same signature is another model
        return find_package(name) if name in installed_names() else import_checkpoint(path, name)


def _signature(name: str) -> str:
    """Return what comes before the checksum in the name of a file."""
    return name.rpartition("-")[0] or name


def _read_bag(text: str) -> dict[str, Any]:
    """Return the content of a bag: the part of YAML that demucs' own bags use, keys with lists in brackets."""
    parts = re.split(r"(?m)^(models|weights|segment)\s*:", re.sub(r"#.*", "", text))
    return {key: ast.literal_eval(value.strip()) for key, value in zip(parts[1::2], parts[2::2], strict=True)}


def _announce(text: str) -> None:
    sys.stderr.write(f"{text}\n")
