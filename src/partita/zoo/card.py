"""The card of a model package: everything about a model but its weights."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partita.errors import ModelError
from partita.models.geometry import Geometry

__all__ = ["CARD_NAME", "Card", "read_card"]

CARD_NAME = "card.toml"


@dataclass(frozen=True)
class Card:
    """What a model is, what it was made of and how well it does.

    Attributes:
        name: Name of the model; its outputs are written to a folder of this name.
        description: One sentence.
        architecture: A name :func:`partita.models.build` knows.
        licence: SPDX expression for the weights.
        sources: Names of the stems, in the order of the output.
        audio_channels: Channels of mixture and stems.
        sample_rate: Hz.
        segment: Length of a window by default, in seconds.
        parameters: Number of trained parameters.
        weights_sha256: Of the weights file.
        graph_sha256: Of the ONNX graph.
        configuration: Fields of the architecture's configuration.
        geometry: The lengths the model's core accepts.
        training: Data, hours and recipe, in plain words and figures.
        scores: Measured quality, with the data and the definition beside it.
        limits: What the model is known to do badly, in plain words.
    """

    name: str
    description: str
    architecture: str
    licence: str
    sources: tuple[str, ...]
    audio_channels: int
    sample_rate: int
    segment: float
    parameters: int
    weights_sha256: str
    graph_sha256: str
    configuration: dict[str, Any]
    geometry: Geometry
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


def read_card(folder: Path) -> Card:
    """Read the card of the package in ``folder``.

    Raises:
        ModelError: There is no card, or it is not whole.
    """
    path = folder / CARD_NAME
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{folder}: not a model package, it has no readable {CARD_NAME}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a model card: {error}") from error
    try:
        facts["geometry"] = Geometry(**facts["geometry"])
        facts["sources"] = tuple(facts["sources"])
        facts["limits"] = tuple(facts.get("limits", ()))
        return Card(**facts)
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a whole model card: {error}") from error
