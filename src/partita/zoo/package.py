"""Model packages: folders with a card, the weights as safetensors and an ONNX graph that refers to them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from partita.errors import ConfigError, ModelError
from partita.system.extras import missing_extra
from partita.system.files import open_regular
from partita.zoo.card import CARD_NAME, GRAPH_NAME, Card, read_card

if TYPE_CHECKING:
    from partita.models.base import WaveformModel

__all__ = [
    "EMBEDDED",
    "GRAPH_NAME",
    "LARGEST_GRAPH",
    "LARGEST_WEIGHTS",
    "STAGE_NAMES",
    "WEIGHTS_NAME",
    "Package",
    "file_sha256",
    "open_package",
]

WEIGHTS_NAME = "model.safetensors"
LARGEST_WEIGHTS = 4 * 2**30  # bytes; the largest published model has 2.6e9
LARGEST_GRAPH = 64 * 2**20
EMBEDDED = Path(__file__).with_name("packages")
STAGE_NAMES = (
    "outer_encoder.onnx",
    "inner_encoder.onnx",
    "recurrence.onnx",
    "inner_decoder.onnx",
    "outer_decoder.onnx",
)


@dataclass(frozen=True)
class Package:
    """A model package on disk.

    Attributes:
        folder: Its folder.
        card: Its card; :func:`open_package` has checked the files against it.
    """

    folder: Path
    card: Card

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.card.name

    @property
    def weights(self) -> Path:
        """The weights file (safetensors), with the names of the torch module's state dict."""
        return self.folder / WEIGHTS_NAME

    @property
    def graph(self) -> Path:
        """The ONNX graph of the model's core; it refers to the tensors in :attr:`weights`."""
        return self.folder / GRAPH_NAME

    @property
    def stage_graphs(self) -> tuple[Path, ...]:
        """The ONNX graphs of the stages; empty if the model has to run on whole windows."""
        return tuple(self.folder / name for name in STAGE_NAMES) if self.card.stages else ()

    @property
    def ships(self) -> bool:
        """Whether it is a part of partita, and so as trustworthy as its code."""
        return self.folder.parent == EMBEDDED

    @property
    def size(self) -> int:
        """Total size of the files of the package in bytes."""
        files = (WEIGHTS_NAME, CARD_NAME, *self.card.graphs)
        return sum((self.folder / name).stat().st_size for name in files)

    def load_torch(self) -> WaveformModel:
        """Build the torch module with the package's weights as float32, in evaluation mode.

        Raises:
            ModelError: torch is not installed, or the weights do not fit the architecture.
        """
        try:
            import torch
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ModuleNotFoundError as error:
            raise ModelError(missing_extra("torch", "torch")) from error
        from partita.models import build

        fields = {**self.card.configuration, "sources": self.card.sources}
        try:
            weights = load_file(self.weights)
            with torch.device("meta"):  # nothing is allocated before the shapes are compared
                plan = build(self.card.architecture, **fields).state_dict()
            if {key: value.shape for key, value in plan.items()} != {
                key: value.shape for key, value in weights.items()
            }:
                raise ModelError(f"{self.weights}: does not fit the {self.card.architecture} of the card")
            model = build(self.card.architecture, **fields)
            model.load_state_dict({key: value.float() for key, value in weights.items()})
        except (ConfigError, SafetensorError, OSError, RuntimeError, ValueError, TypeError, OverflowError) as error:
            reason = "not a valid safetensors file" if isinstance(error, SafetensorError) else str(error)
            raise ModelError(f"{self.weights}: cannot be loaded: {reason}") from error
        return model.eval()


def open_package(folder: Path) -> Package:
    """Open the package in ``folder`` and check its files against the card.

    Raises:
        ModelError: The folder is not a package, or a file is missing, was changed or is not in the card.
    """
    package = Package(folder, read_card(folder))
    card = package.card
    for path in (package.graph, *package.stage_graphs):
        if path.name not in card.graphs:
            raise ModelError(f"{folder / CARD_NAME}: graphs: {path.name!r} is missing; install the model again")
    for name, expected in {**card.graphs, WEIGHTS_NAME: card.weights_sha256}.items():
        _check_file(folder / name, expected)
    return package


def _check_file(path: Path, expected: str) -> None:
    if not os.path.lexists(path):
        raise ModelError(f"{path}: missing from the model package")
    try:
        with open_regular(path, LARGEST_WEIGHTS if path.name == WEIGHTS_NAME else LARGEST_GRAPH) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except ConfigError as error:
        raise ModelError(str(error)) from error
    if found != expected:
        raise ModelError(f"{path}: damaged or changed, its sha256 differs from the card's; install it again")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
