"""The card of a model package: everything about a model but its weights."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partita.errors import ConfigError, ModelError
from partita.models.geometry import Geometry, StagedGeometry
from partita.models.registry import configure
from partita.system.names import check_plain_name, check_plain_names
from partita.system.schema import build_checked
from partita.system.toml import read_toml

__all__ = ["CARD_NAME", "GRAPH_NAME", "Card", "WindowLengths", "read_card"]

CARD_NAME = "card.toml"
GRAPH_NAME = "model.onnx"

_LARGEST_CARD = 2**20  # bytes
_MOST_PARAMETERS = 10**10
_LONGEST_SEGMENT = 3600  # seconds
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class WindowLengths:
    """The lengths of windows, in seconds, that are known to suit a model.

    Attributes:
        trained: Lengths of the excerpts it was trained on.
        measured: Lengths of the windows its scores were measured with.
    """

    trained: tuple[float, ...] = ()
    measured: tuple[float, ...] = ()

    def warning(self, segment: float) -> str | None:
        """Return why windows of ``segment`` seconds may separate worse, or None if they are within the lengths."""
        known = (*self.trained, *self.measured)
        if not known or min(known) <= segment <= max(known):
            return None
        trained, measured = (
            ", ".join(f"{length:g}" for length in part) or "?" for part in (self.trained, self.measured)
        )
        return (
            f"segment: {segment:g} s is outside the lengths known to suit this model (trained on {trained} s, measured "
            f"with {measured} s), so the stems may be worse"
        )


@dataclass(frozen=True)
class Card:
    """What a model is, how it was trained and how well it separates.

    Attributes:
        name: Name of the model; its stems are written to a folder of this name.
        description: One sentence.
        architecture: A key of :data:`partita.models.ARCHITECTURES`.
        licence: SPDX expression of the licence of the weights.
        sources: Names of the stems, in the order of the output.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate of both, in Hz.
        segment: Default length of a window, in seconds.
        parameters: Number of trained parameters.
        weights_sha256: sha256 of the weights file, in hexadecimal.
        graphs: sha256 of each ONNX graph, by file name.
        configuration: Fields of the architecture's configuration.
        geometry: The lengths that the model's core accepts.
        stages: The lengths of its stages, if it is not limited to whole windows.
        training: Data, hours, recipe and configuration of the training.
        scores: Measured quality, with the data and the definition of the measure.
        limits: Known weaknesses of the model, a sentence each.
        lengths: The lengths of windows the model was trained and measured with, if they are known.
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
    graphs: dict[str, str]
    configuration: dict[str, Any]
    geometry: Geometry
    stages: StagedGeometry | None = None
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    lengths: WindowLengths | None = None

    def __post_init__(self) -> None:
        """Raise :class:`ConfigError` if a value is invalid."""
        check_plain_name("name", self.name)
        check_plain_names("sources", self.sources)
        self._check_architecture()
        for name, digest in {"weights_sha256": self.weights_sha256, **self.graphs}.items():
            check_plain_name("graphs", name)
            if not _SHA256.fullmatch(digest):
                raise ConfigError(f"{name}: must be a sha256 of 64 hexadecimal digits, not {digest[:70]!a}")
        if not 0 <= self.parameters <= _MOST_PARAMETERS:
            raise ConfigError(f"parameters: must be from 0 to {_MOST_PARAMETERS}, not {self.parameters}")
        if not 1 / self.sample_rate <= self.segment <= _LONGEST_SEGMENT:
            raise ConfigError(f"segment: must be a sample to {_LONGEST_SEGMENT} s, not {self.segment:g} s")
        self._check_scores()

    def _check_scores(self) -> None:
        """Check the scores that are listed beside the model."""
        if not isinstance(self.scores.get("definition", ""), str):
            raise ConfigError("scores.definition: must be text")
        sdr = self.scores.get("sdr", {})
        numbers = isinstance(sdr, dict) and not any(
            isinstance(value, bool | str | list | dict) for value in sdr.values()
        )
        if not numbers:
            raise ConfigError("scores.sdr: must be a table of numbers")

    def _check_architecture(self) -> None:
        """Check what follows from the configuration of the architecture."""
        audio: dict[str, Any] = {
            "sources": self.sources,
            "audio_channels": self.audio_channels,
            "sample_rate": self.sample_rate,
        }
        config = configure(self.architecture, **{**audio, **self.configuration})
        for key, value in audio.items():
            if getattr(config, key) != value:
                raise ConfigError(f"{key}: differs from the configuration, which has {getattr(config, key)}")
        if self.geometry != config.geometry:
            raise ConfigError(f"geometry: not that of this {self.architecture}; install or export the model again")
        if self.stages not in (None, config.stages):
            raise ConfigError(f"stages: not those of this {self.architecture}; install or export the model again")


def read_card(folder: Path) -> Card:
    """Read the card of the package in ``folder``.

    The lengths of the model follow from its configuration; those that the card states have to be the same.

    Raises:
        ModelError: There is no card, it is incomplete or invalid, or the folder holds an unfinished training run.
    """
    path = folder / CARD_NAME
    if not os.path.lexists(path):
        raise ModelError(_no_card(folder))
    try:
        facts = read_toml(path, _LARGEST_CARD)
        if "graph_sha256" in facts:  # cards of version 0.1
            facts["graphs"] = {GRAPH_NAME: facts.pop("graph_sha256")}
    except ConfigError as error:
        raise ModelError(str(error)) from error
    try:
        return build_checked(Card, facts)
    except ConfigError as error:
        raise ModelError(f"{path}: {error}") from error


def _no_card(folder: Path) -> str:
    """Return why there is no card: a training run writes its configuration first and the card last."""
    config, resumable = folder / "config.toml", (folder / "checkpoints" / "last.ckpt").is_file()
    if config.is_file() and (resumable or (folder / "log").is_dir()):
        resume = " --resume" if resumable else ""
        return (
            f"{folder}: an unfinished training run, not a model package yet; finish it with "
            f"partita train {config} --out {folder}{resume}, and its --data and --valid"
        )
    return f"{folder}: not a model package, it has no {CARD_NAME}"
